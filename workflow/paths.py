# Where everything lies (README, 'What appears where') and which files belong together. Included by the Snakefile, whose
# names DATASET, SEEDS, RULES, DEFENSES, EXPERIMENTS, COMPARISONS and config it uses.
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
DEFENSE = f"{OF_SEED}/defenses/{{defense}}.json"
RETRAIN = f"{OF_SEED}/retrain/{{defense}}.json"

SEEDS_TABLE = f"{RESULTS}/tables/seeds.csv"
TABLES = [f"{RESULTS}/tables/{name}.csv" for name in ("table1", "table2", "table3", "table4", "table6", "defenses")]
SUMMARY = f"{RESULTS}/summary.md"
COST = f"{RESULTS}/cost.csv"
PROVENANCE = f"{RESULTS}/provenance.json"
BENCHMARKS = f"{RESULTS}/benchmarks"
# Figure 2's experiment goes through the same rules as the others, but is in none of their tables.
PLANNED = EXPERIMENTS | figure2_experiment(config)
MOVED = f"{RESULTS}/figure2/moved.csv"
PICTURES = f"{RESULTS}/figure2/pictures.npz"
FIGURE2_TABLE = f"{RESULTS}/tables/figure2.csv"
# A part of the experiments (key `only`) is run without it.
UNPLANTED = [FIGURE2_TABLE] * ("figure2" in config and "only" not in config)
COMPARED = f"{RESULTS}/comparisons/{{comparison}}/exp{{e}}.csv"
COMPARISON = f"{RESULTS}/tables/{{comparison}}.csv"
# The other comparisons are made on request.
COMPARED_BY_DEFAULT = [COMPARISON.format(comparison="compute")] * ("compute" in COMPARISONS)
DRAWN = ["figure2"] * len(UNPLANTED) + [f"figure{number}" for number in range(3, 10)] + ["figure10"] * ("compute" in COMPARISONS)
FIGURES = [f"figures/{DATASET}/{name}.{kind}" for name in DRAWN for kind in ("png", "pdf")]


def benchmark_of(name, *keys):
    """The file that takes the cost of one job of a rule; a job is named by its wildcards."""
    return f"{BENCHMARKS}/{name}/" + ("-".join(f"{{{key}}}" for key in keys) or "all") + ".tsv"


def log_of(name, *keys):
    return f"{RESULTS}/logs/{name}/" + ("-".join(f"{{{key}}}" for key in keys) or "all") + ".log"


def caption_of(name):
    return f"{workflow.basedir}/workflow/report/{name.removesuffix('_full')}.rst"


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


def settings(path):
    """The path for every experiment, subset fraction, seed and rule."""
    keys = {"seed": SEEDS, "rule": RULES, "shard": SHARDS}
    return [item for e in EXPERIMENTS for a in percents(e) for item in expand(path, e=e, a=a, **keys)]


def intermediates():
    """Every file between the images and the tables. A file that is asked for is made again when it is deleted, with what
    depends on it; and a fresh clone, which has tables but none of these, makes everything."""
    per_experiment = [POISON, ATTACK, *([BETON] if config["loader"] == "ffcv" else [])]
    files = [*seeds(IMAGES), SOURCE, *expand(per_experiment, e=EXPERIMENTS, seed=SEEDS)]
    files += [file for path in (MARGINS, WEIGHTS, STRENGTH, DETECTION, CONTROL) for file in settings(path)]
    if UNPLANTED:
        files += [
            MOVED,
            PICTURES,
            *expand([POISON, ATTACK, WEIGHTS, DETECTION, CONTROL], e=FIGURE2, a=50, seed=SEEDS, rule=RULES),
        ]
    files += expand(DEFENSE, e=EXPERIMENTS, seed=SEEDS, defense=RULES)
    return list(dict.fromkeys([*files, *expand(RETRAIN, e=EXPERIMENTS, seed=SEEDS, defense=DEFENSES)]))


# What tables and figures need to know of the experiments, so that other changes do not rerun them.
SHOWN = {e: {key: experiment[key] for key in ("attack", "trigger", "alphas")} for e, experiment in EXPERIMENTS.items()}
NETWORK = {key: config["training"][key] for key in ("network", "hidden") if key in config["training"]}


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
    chosen = [e for e in COMPARISONS[w.comparison]["experiments"] if e in EXPERIMENTS]
    return expand(COMPARED, comparison=w.comparison, e=chosen)


def detections_of(w):
    """The detections that a defense removes by, for every seed."""
    return expand(DETECTION, e=w.e, a=percents(w.e)[-1], seed=SEEDS, rule=w.defense)


def figure_inputs(name):
    """What a figure is drawn from: the first seed and subset fraction of every experiment, as in the paper; or a table."""
    if name == "figure2":
        return [FIGURE2_TABLE, PICTURES, SOURCE]
    if name.startswith("figure10"):
        return COMPARISON.format(comparison=name.replace("figure10", "compute"))
    paths = {"figure6": [IMAGES, POISON], "figure9": [WEIGHTS, POISON]}.get(name, [STRENGTH])
    files = [path.format(e=e, a=percents(e)[0], seed=SEEDS[0]) for e in EXPERIMENTS for path in paths]
    return list(dict.fromkeys(files))
