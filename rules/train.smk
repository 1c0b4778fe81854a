# poisoned training set -> margins of very many models (paper, section 5 and appendix D).
def training_set(w):
    """The .beton file, or images and poison where the configuration reads no .beton; Figure 2's few models never do."""
    if config["loader"] == "ffcv" and int(w.experiment) != FIGURE2:
        return {"beton": BETON}
    return {"images": rules.images.output.images, "poison": rules.poison.output.poison}


def models_of(w):
    """The first model of a shard and the one behind its last."""
    size = config["models"]["shard"]
    return [int(w.shard) * size, min((int(w.shard) + 1) * size, count_of(w.experiment))]


rule train:
    input:
        unpack(training_set),
        features=FITTED,
    output:
        margins="results/{dataset}/exp{experiment}/seed{seed}/alpha{alpha}/margins/{shard}.npy",
        manifest="results/{dataset}/exp{experiment}/seed{seed}/alpha{alpha}/margins/{shard}.json",
    log:
        "results/{dataset}/logs/train/exp{experiment}-seed{seed}-alpha{alpha}-{shard}.log",
    benchmark:
        "results/{dataset}/benchmarks/train/exp{experiment}-seed{seed}-alpha{alpha}-{shard}.tsv"
    priority: 1
    conda:
        "../environment.yml"
    resources:
        gpu=int(config["device"] != "cpu"),
    params:
        training=lambda w: training_of(config, int(w.experiment)),
        features=config.get("features"),
        models=models_of,
        device=config["device"],
    script:
        "../scripts/train.py"


def margins_of(w):
    """Every shard of one experiment, seed and subset fraction."""
    return planned(rules.train.output.margins, [w.experiment], seed=w.seed, alpha=w.alpha)
