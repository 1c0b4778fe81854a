# poisoned training set -> margins of very many models (paper, section 5 and appendix D).
rule features:
    """Fixed random-patch features, fitted on images that are used for nothing else."""
    input:
        images=seeds(IMAGES),
    output:
        seeds(FEATURES),
    log:
        log_of("features"),
    benchmark:
        benchmark_of("features")
    conda:
        "../environment.yml"
    params:
        features=config.get("features"),
        seeds=SEEDS,
        dataset=DATASET,
    script:
        "../scripts/features.py"


rule train:
    input:
        features=features(),
        beton=betons,
        images=lambda w: [] if betons(w) else seeds(IMAGES),
        poison=lambda w: [] if betons(w) else seeds(POISON),
    output:
        margins=seeds(MARGINS),
        manifest=manifests(MARGINS),
    log:
        log_of("train", "e", "a", "shard"),
    benchmark:
        benchmark_of("train", "e", "a", "shard")
    priority: 1
    conda:
        "../environment.yml"
    resources:
        gpu=int(config["device"] != "cpu"),
    params:
        training=lambda w: training_of(config, int(w.e)),
        features=config.get("features"),
        models=models_of,
        seeds=SEEDS,
        dataset=DATASET,
        device=config["device"],
    script:
        "../scripts/train.py"
