# poisoned training set -> margins of very many models (paper, section 5 and appendix D).
rule train:
    input:
        beton=seeds(BETON) if config["loader"] == "ffcv" else [],
        images=[] if config["loader"] == "ffcv" else seeds(IMAGES),
        poison=[] if config["loader"] == "ffcv" else seeds(POISON),
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
        models=models_of,
        seeds=SEEDS,
        dataset=DATASET,
        device=config["device"],
    script:
        "../scripts/train.py"
