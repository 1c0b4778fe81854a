# scores -> removed examples -> retrained networks (paper, Tables 3 and 6).
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
        defenses=expand(DEFENSE, seed=SEEDS, defense=RULES, allow_missing=True),
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
