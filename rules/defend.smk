# scores -> removed examples -> retrained networks (paper, Tables 3 and 6).
rule representations:
    """The last hidden layer of one network that is trained on all examples, the same for every baseline defense."""
    input:
        images=seeds(IMAGES),
        poison=seeds(POISON),
        features=features(),
    output:
        seeds(REPRESENTATIONS),
    log:
        log_of("representations", "e"),
    benchmark:
        benchmark_of("representations", "e")
    conda:
        "../environment.yml"
    resources:
        gpu=int(config["device"] != "cpu"),
    params:
        training=lambda w: training_of(config, int(w.e)),
        features=config.get("features"),
        seeds=SEEDS,
        dataset=DATASET,
        device=config["device"],
    script:
        "../scripts/representations.py"


rule baseline:
    """One of the defenses that the paper compares with: a line of the configuration's section `defenses`."""
    input:
        images=seeds(IMAGES),
        poison=seeds(POISON),
        representations=seeds(REPRESENTATIONS),
        features=features(),
    output:
        removed=seeds(DEFENSE),
        score=seeds(SUSPICION),
    log:
        log_of("baseline", "e", "defense"),
    benchmark:
        benchmark_of("baseline", "e", "defense")
    wildcard_constraints:
        defense="|".join(BASELINES) or "no",
    conda:
        "../environment.yml"
    resources:
        gpu=int(config["device"] != "cpu"),
    params:
        line=lambda w: BASELINES[w.defense],
        suspected=lambda w: suspected(config, int(w.e)),
        training=lambda w: training_of(config, int(w.e)),
        features=config.get("features"),
        seeds=SEEDS,
        dataset=DATASET,
        device=config["device"],
    script:
        "../scripts/baseline.py"


rule defend:
    """Removes the examples with the highest scores of a rule."""
    input:
        detections_of,
    output:
        seeds(DEFENSE),
    log:
        log_of("defend", "e", "defense"),
    benchmark:
        benchmark_of("defend", "e", "defense")
    wildcard_constraints:
        defense="|".join(RULES),
    conda:
        "../environment.yml"
    params:
        share=lambda w: EXPERIMENTS[int(w.e)]["removed"],
    script:
        "../scripts/defend.py"


rule retrain:
    """All rows of Tables 1, 3 and 6 for one experiment: the same recipe and seeds, only the removed examples differ."""
    input:
        images=seeds(IMAGES),
        poison=seeds(POISON),
        defenses=expand(DEFENSE, seed=SEEDS, defense=DEFENSES[1:], allow_missing=True),
        features=features(),
    output:
        expand(RETRAIN, seed=SEEDS, defense=DEFENSES, allow_missing=True),
    log:
        log_of("retrain", "e"),
    benchmark:
        benchmark_of("retrain", "e")
    conda:
        "../environment.yml"
    resources:
        gpu=int(config["device"] != "cpu"),
    params:
        training=lambda w: training_of(config, int(w.e)),
        features=config.get("features"),
        models=config["deployed"]["models"],
        trigger=lambda w: trigger_of(w.e),
        target_class=config["target_class"],
        seeds=SEEDS,
        defenses=DEFENSES,
        dataset=DATASET,
        device=config["device"],
    script:
        "../scripts/retrain.py"
