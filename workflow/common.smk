# What the rules share: which jobs the configuration asks for, and the files that belong together. Where a file lies stands in the
# rule that makes it. Included by the Snakefile, whose names it uses.

from snakemake.io import strip_wildcard_constraints

# Figure 2's experiment goes through the same rules as the others, but is in none of their tables.
PLANNED = experiments(config)
UNPLANTED = [e for e in PLANNED if e not in EXPERIMENTS]
# Where images are few, starting a job costs more than the work of some rules: one job then makes all experiments of a seed.
JOINED = config["images"]["train"] <= 10_000
JOB = "seed{seed}" if JOINED else "exp{experiment}-seed{seed}"


def together(path):
    """The files of every experiment where one job makes them together, else the one of the wildcard."""
    return expand(path, experiment=EXPERIMENTS, allow_missing=True) if JOINED else [path]


def experiments_of(wildcards):
    """The experiments that a job makes: all where it makes them together, else the one of its wildcard."""
    return [int(wildcards.experiment)] if "experiment" in wildcards.keys() else list(EXPERIMENTS)


def percents(experiment):
    """The subset fractions of an experiment in percent; the last one is used for detection."""
    return [round(100 * alpha) for alpha in PLANNED[int(experiment)]["alphas"]]


def last(w):
    """Whether a job is at the subset fraction that detection uses."""
    return int(w.alpha) == percents(w.experiment)[-1]


def shards_of(models):
    """The names of the shards that the first so many models lie in."""
    return [f"{shard:05d}" for shard in range(-(-models // config["models"]["shard"]))]


def compared_models(w):
    """How many models a comparison reads: those of its experiment, or more where it asks for more."""
    return max([count_of(config, int(w.experiment)), *COMPARISONS[w.comparison].get("models", [])])


def planned(paths, experiments=(*EXPERIMENTS, *UNPLANTED), **chosen):
    """A rule's files for every job of the given experiments that the configuration asks for, experiment by experiment, within
    one by subset fraction, seed and the rest."""
    files, paths = [], [strip_wildcard_constraints(path) for path in ([paths] if isinstance(paths, str) else paths)]
    for experiment in experiments:
        keys = {"dataset": DATASET, "experiment": experiment, "alpha": percents(experiment), "seed": SEEDS}
        keys |= {"detector": DETECTORS, "defense": BASELINES, "comparison": list(COMPARISONS), "requested": list(ON_REQUEST)}
        keys["shard"] = shards_of(count_of(config, int(experiment)))
        files += expand(paths, **(keys | chosen))
    return list(dict.fromkeys(files))


def at(place, paths, **chosen):
    """A rule's files of every attack at one of its subset fractions: 0 is the first, which most figures show, -1 is detection's."""
    files = [file for e in ATTACKED for file in planned(paths, [e], alpha=percents(e)[place], **chosen)]
    return list(dict.fromkeys(files))


def is_adversarial(experiment):
    return attack_registry.needs_adversary(PLANNED[int(experiment)]["attack"])


def training_set(w):
    """The .beton file, or images and poison where the configuration reads no .beton; it has none of what is in no table."""
    if config["loader"] == "ffcv" and int(w.experiment) in EXPERIMENTS:
        return {"beton": BETON}
    return {"images": rules.images.output.images, "poison": rules.poison.output.poison}


def models_of(w):
    """The first model of a shard and the one behind its last; behind an experiment's own number only a comparison asks for some."""
    size, own = config["models"]["shard"], count_of(config, int(w.experiment))
    first = int(w.shard) * size
    return [first, min(first + size, own) if first < own else first + size]


def margins_of(w):
    """Every shard of one experiment, seed and subset fraction."""
    return planned(rules.train.output.margins, [w.experiment], seed=w.seed, alpha=w.alpha)


def detection_of(w, path):
    """What a detector made at the subset fraction that is used for removal."""
    return planned(path, [w.experiment], alpha=percents(w.experiment)[-1], seed=w.seed, detector=w.defense)[0]


def comparison_settings(w):
    """What a comparison is called with; a detector is given by its name, and may get fewer restarts."""
    settings = {key: value for key, value in COMPARISONS[w.comparison].items() if key != "experiments"}
    if "detectors" in settings:
        settings["detectors"] = {name: config["detectors"][name] for name in settings["detectors"]}
    if "detector" in settings:
        settings["detector"] = config["detectors"][settings["detector"]] | {"restarts": settings.pop("restarts")}
    return settings


# What tables and figures need to know of the experiments, so that other changes do not rerun them.
SHOWN = {e: {key: experiment[key] for key in ("attack", "trigger", "alphas")} for e, experiment in EXPERIMENTS.items()}
SHOWN_ATTACKED = {e: SHOWN[e] for e in ATTACKED}
