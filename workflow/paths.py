# Where everything lies (docs/reading.md) and which files belong together. Included by the Snakefile, whose
# names DATASET, SEEDS, RULES, BASELINES, DEFENSES, EXPERIMENTS, ATTACKED, COMPARISONS and config it uses.
RESULTS = f"results/{DATASET}"
SHARDS = [f"{shard:05d}" for shard in range(config["models"]["count"] // config["models"]["shard"])]
OF_SEED = f"{RESULTS}/exp{{e}}/seed{{seed}}"
OF_ALPHA = f"{OF_SEED}/alpha{{a}}"

IMAGES = f"{RESULTS}/images/seed{{seed}}.npz"
SOURCE = f"{RESULTS}/images/source.json"
ADVERSARY = f"{RESULTS}/adversary/seed{{seed}}.npz"
FEATURES = f"{RESULTS}/features/seed{{seed}}.npz"
POISON = f"{OF_SEED}/poison.npz"
ATTACK = f"{OF_SEED}/attack.json"
BETON = f"{OF_SEED}/train.beton"
MARGINS = f"{OF_ALPHA}/margins/{{shard}}.npy"
WEIGHTS = f"{OF_ALPHA}/datamodel_{config['estimator']}.npy"
DETECTION = f"{OF_ALPHA}/detection_{{rule}}.npz"
CONTROL = f"{OF_ALPHA}/detection_{{rule}}_permuted.npz"
STRENGTH = f"{OF_ALPHA}/strength.npz"
REPRESENTATIONS = f"{OF_SEED}/representations.npz"
RIVALS = f"{OF_ALPHA}/natural.npz"
DEFENSE = f"{OF_SEED}/defenses/{{defense}}.json"
SUSPICION = f"{OF_SEED}/defenses/{{defense}}.npz"
RETRAIN = f"{OF_SEED}/retrain/{{defense}}.json"

SEEDS_TABLE = f"{RESULTS}/tables/seeds.csv"
TABLES = [f"{RESULTS}/tables/{name}.csv" for name in ("table1", "table2", "table3", "table4", "table6", "defenses")]
PUBLISHED = f"{workflow.basedir}/config/published.yaml"
EVIDENCE = f"{RESULTS}/evidence/exp{{e}}.csv"
EVIDENCE_TABLE = f"{RESULTS}/tables/evidence.csv"
VERIFICATION = f"{RESULTS}/verification.csv"
VERIFICATION_PAGE = f"{RESULTS}/verification.md"
CLAIMS = f"{RESULTS}/claims.csv"
VERIFIED = [VERIFICATION, VERIFICATION_PAGE, CLAIMS]
# What of the configuration decides whether a number of ours can be compared with the paper's.
COMPARED_SETTINGS = ("dataset", "images", "training", "models", "estimator", "rules", "triggers", "experiments", "seeds")
SUMMARY = f"{RESULTS}/summary.md"
COST = f"{RESULTS}/cost.csv"
PROVENANCE = f"{RESULTS}/provenance.json"
BENCHMARKS = f"{RESULTS}/benchmarks"
# Figure 2's experiment goes through the same rules as the others, but is in none of their tables.
PLANNED = EXPERIMENTS | figure2_experiment(config)
MOVED = f"{RESULTS}/figure2/moved.csv"
PICTURES = f"{RESULTS}/figure2/pictures.npz"
FIGURE2_TABLE = f"{RESULTS}/tables/figure2.csv"
FIGURE2_SEEDS = f"{RESULTS}/tables/figure2_seeds.csv"
# A part of the experiments (key `only`) is run without it.
UNPLANTED = [FIGURE2_TABLE] * ("figure2" in config and "only" not in config)
COMPARED = f"{RESULTS}/comparisons/{{comparison}}/exp{{e}}.csv"
COMPARISON = f"{RESULTS}/tables/{{comparison}}.csv"
COMPARISON_SEEDS = f"{RESULTS}/tables/{{comparison}}_seeds.csv"
# The other comparisons are made on request.
COMPARED_BY_DEFAULT = [COMPARISON.format(comparison="compute")] * ("compute" in COMPARISONS)
# Every number of every seed, what `check` compares with the reference.
NUMBERS = [SEEDS_TABLE, EVIDENCE_TABLE, *[FIGURE2_SEEDS] * len(UNPLANTED)]
NUMBERS += [COMPARISON_SEEDS.format(comparison="compute")] * len(COMPARED_BY_DEFAULT)
DRAWN = ["figure2"] * len(UNPLANTED) + [f"figure{number}" for number in range(3, 10)]
DRAWN += ["figure10"] * ("compute" in COMPARISONS) + ["figure11"]
FIGURES = [f"figures/{DATASET}/{name}.{kind}" for name in DRAWN for kind in ("png", "pdf")]
FOUND = f"{RESULTS}/findings/{{figure}}.txt"
RULEGRAPH = f"{RESULTS}/report/rulegraph.png"
OVERVIEW = f"{RESULTS}/report/overview.rst"

# The report: its sections, and the tables (.csv) and figures (.png) that each shows. Whatever is added here needs a caption
# workflow/report/NAME.rst, and in findings.py the sentence on what came out.
_TABLE, _FIGURE = f"{RESULTS}/tables", f"figures/{DATASET}"
SECTIONS = {
    "1 Did it replicate": [CLAIMS, VERIFICATION],
    "2 Attacks": [f"{_TABLE}/table1.csv", f"{_FIGURE}/figure6.png"],
    "3 Datamodels and feature strength": [f"{_TABLE}/table2.csv", *(f"{_FIGURE}/figure{n}.png" for n in (3, 4, 5, 7, 8))],
    "4 Detection": [f"{_TABLE}/table4.csv"],
    "5 Defenses": [*(f"{_TABLE}/{name}.csv" for name in ("table3", "table6", "defenses")), f"{_FIGURE}/figure11.png"],
    "6 Weights": [f"{_FIGURE}/figure9.png"],
    "7 Compute": [*COMPARED_BY_DEFAULT, *[f"{_FIGURE}/figure10.png"] * len(COMPARED_BY_DEFAULT), COST],
    "8 Features that nobody planted": [f"{_FIGURE}/figure2.png"] if UNPLANTED else [],
    "9 Workflow": [RULEGRAPH],
}
REPORTED = [path for files in SECTIONS.values() for path in files]


# The rules whose cost is counted, each with the wildcards that name its jobs.
BENCHMARKED = {}


def benchmark_of(name, *keys):
    """The file that takes the cost of one job of a rule; a job is named by its wildcards."""
    BENCHMARKED[name] = keys
    return f"{BENCHMARKS}/{name}/" + ("-".join(f"{{{key}}}" for key in keys) or "all") + ".tsv"


def log_of(name, *keys):
    return f"{RESULTS}/logs/{name}/" + ("-".join(f"{{{key}}}" for key in keys) or "all") + ".log"


def caption_of(name):
    return f"{workflow.basedir}/workflow/report/{name.removesuffix('_full')}.rst"


def name_of(path):
    """The name of a table or figure: "table1", "figure7"."""
    return os.path.splitext(os.path.basename(path))[0]


def in_report(path):
    """The page of a table or figure, flagged for the report: its section, its title, and its caption with what came out."""
    name = name_of(path)
    with open(caption_of(name), encoding="utf-8") as file:
        title = file.readline().strip()
    section = next(section for section, files in SECTIONS.items() if path in files)
    whole = os.path.abspath(f"{RESULTS}/report/{name}.rst")  # Snakemake looks for captions beside the Snakefile
    return report(f"{RESULTS}/report/{name}.html", caption=whole, category=section, labels={"table or figure": title})


def reference():
    """The folder of the reference: one of this run's own folder before the repository's."""
    place = f"results/reference/{DATASET}"
    return place if os.path.isdir(place) else f"{workflow.basedir}/{place}"


def seeds(path):
    """The path for every seed; other wildcards stay. One job makes an experiment's files of all seeds."""
    return expand(path, seed=SEEDS, allow_missing=True)


def manifests(path):
    """The manifests that lie beside the files of ``path``, for every seed."""
    return seeds(path.rsplit(".", 1)[0] + ".json")


def features():
    """The fitted features of every seed, where the configuration has a section ``features``; else nothing."""
    return seeds(FEATURES) if "features" in config else []


def percents(e):
    """The subset fractions of an experiment in percent; the last one is used for detection."""
    return [round(100 * alpha) for alpha in PLANNED[int(e)]["alphas"]]


def of_experiment(path):
    """The path for every subset fraction, seed and rule of the experiment in question, as an input function."""
    return lambda w: expand(path, e=w.e, a=percents(w.e), seed=SEEDS, rule=RULES)


def settings(path, numbers=tuple(EXPERIMENTS)):
    """The path for every subset fraction, seed and rule of the given experiments."""
    keys = {"seed": SEEDS, "rule": RULES, "shard": SHARDS}
    return [item for e in numbers for a in percents(e) for item in expand(path, e=e, a=a, **keys)]


def planned(path, keys):
    """The path for every job that this configuration can have; files of another configuration's jobs are not among them."""
    jobs = [{}]
    if "e" in keys:
        jobs = [{"e": e, "a": a} for e in PLANNED for a in percents(e)]
    if "shard" in keys:
        size = config["models"]["shard"]
        jobs = [{**job, "shard": f"{shard:05d}"} for job in jobs for shard in range(-(-count_of(job["e"]) // size))]
    others = {"rule": RULES, "defense": DEFENSES, "comparison": COMPARISONS}
    for key in others.keys() & set(keys):
        jobs = [{**job, key: value} for job in jobs for value in others[key]]
    return list(dict.fromkeys(path.format(**job) for job in jobs))


def intermediates():
    """Every file between the images and the tables. A file that is asked for is made again when it is deleted, with what
    depends on it; and a fresh clone, which has tables but none of these, makes everything."""
    per_experiment = [POISON, ATTACK, *([BETON] if config["loader"] == "ffcv" else [])]
    files = [*seeds(IMAGES), SOURCE, *expand(per_experiment, e=EXPERIMENTS, seed=SEEDS)]
    files += [file for path in (MARGINS, WEIGHTS, DETECTION) for file in settings(path)]
    files += [file for path in (STRENGTH, RIVALS, CONTROL) for file in settings(path, ATTACKED)]
    if UNPLANTED:
        own = [POISON, ATTACK, WEIGHTS, DETECTION, CONTROL]
        files += [MOVED, PICTURES, *expand(own, e=FIGURE2, a=50, seed=SEEDS, rule=RULES)]
    files += expand(REPRESENTATIONS, e=EXPERIMENTS, seed=SEEDS) if BASELINES else []
    files += expand(DEFENSE, e=EXPERIMENTS, seed=SEEDS, defense=DEFENSES[1:])
    files += expand(SUSPICION, e=EXPERIMENTS, seed=SEEDS, defense=BASELINES)
    return list(dict.fromkeys([*files, *expand(RETRAIN, e=EXPERIMENTS, seed=SEEDS, defense=DEFENSES)]))


# What tables and figures need to know of the experiments, so that other changes do not rerun them.
SHOWN = {e: {key: experiment[key] for key in ("attack", "trigger", "alphas")} for e, experiment in EXPERIMENTS.items()}
SHOWN_ATTACKED = {e: SHOWN[e] for e in ATTACKED}
NETWORK = adversary_network(config)


def is_adversarial(e):
    return PLANNED[int(e)]["attack"] == "clean_label_adversarial"


def trigger_of(e):
    return config["triggers"][EXPERIMENTS[int(e)]["trigger"]]


def count_of(e):
    """The number of models of an experiment; Figure 2's has one of its own."""
    return config["figure2"]["models"] if int(e) == FIGURE2 else config["models"]["count"]


def rules_of(e):
    """The rules that an experiment's scores are made by; Figure 2's have fewer restarts."""
    fewer = {"restarts": config["figure2"]["restarts"]} if int(e) == FIGURE2 else {}
    return {name: rule | fewer for name, rule in config["rules"].items()}


def betons(w):
    """The .beton files that training reads, if it reads any; Figure 2's few models always read poison.npz."""
    return seeds(BETON) if config["loader"] == "ffcv" and int(w.e) != FIGURE2 else []


def models_of(w):
    """The first model of a shard and the one behind its last."""
    size = config["models"]["shard"]
    return [int(w.shard) * size, min((int(w.shard) + 1) * size, count_of(w.e))]


def margins_of(w):
    """Every shard of one experiment and subset fraction, seed by seed."""
    shards = [f"{shard:05d}" for shard in range(-(-count_of(w.e) // config["models"]["shard"]))]
    return expand(MARGINS, e=w.e, a=w.a, seed=SEEDS, shard=shards)


def margins_of_detection(w):
    """Every shard of one experiment at the subset fraction that is used for detection, seed by seed."""
    return expand(MARGINS, e=w.e, a=percents(w.e)[-1], seed=SEEDS, shard=SHARDS)


def comparison_settings(w):
    """What a comparison is called with; a rule is given by its name, and may get fewer restarts."""
    settings = {key: value for key, value in COMPARISONS[w.comparison].items() if key != "experiments"}
    if "rule" in settings:
        settings["rule"] = config["rules"][settings["rule"]] | {"restarts": settings.pop("restarts")}
    return settings


def compared_of(w):
    """The numbers of a comparison for each of its experiments."""
    chosen = [e for e in COMPARISONS[w.comparison]["experiments"] if e in ATTACKED]
    return expand(COMPARED, comparison=w.comparison, e=chosen)


def detections_of(w):
    """The detections that a defense removes by, for every seed."""
    return expand(DETECTION, e=w.e, a=percents(w.e)[-1], seed=SEEDS, rule=w.defense)


def figure_facts(name):
    """What a figure's reader in figures/inputs.py needs to know of the configuration; other changes do not redraw it."""
    facts = {"experiments": SHOWN_ATTACKED, "seeds": SEEDS}
    if name == "figure6":
        facts["triggers"] = config["triggers"]
    if name == "figure9":
        facts["estimator"] = config["estimator"]
    if name == "figure11":
        facts |= {"target_class": config["target_class"], "defenses": DEFENSES, "rules": RULES}
    return facts


def figure_inputs(name):
    """What a figure is drawn from: the first seed and subset fraction of every attack, as in the paper; all seeds; or a table."""
    if name == "figure2":
        return [FIGURE2_TABLE, PICTURES, SOURCE]
    if name.startswith("figure10"):
        return COMPARISON.format(comparison=name.replace("figure10", "compute"))
    if name == "figure11":
        found = [file for e in ATTACKED for file in expand(DETECTION, e=e, a=percents(e)[-1], seed=SEEDS, rule=RULES)]
        return [*found, *expand([POISON, SUSPICION], e=ATTACKED, seed=SEEDS, defense=BASELINES), *seeds(IMAGES)]
    paths = {"figure6": [IMAGES, POISON], "figure9": [WEIGHTS, POISON]}.get(name, [STRENGTH])
    files = [path.format(e=e, a=percents(e)[0], seed=SEEDS[0]) for e in ATTACKED for path in paths]
    return list(dict.fromkeys(files))
