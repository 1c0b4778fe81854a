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
    input:
        images=seeds(IMAGES),
        poison=seeds(POISON),
        defense=lambda w: [] if w.defense == "none" else seeds(DEFENSE),
    output:
        seeds(RETRAIN),
    log:
        log_of("retrain", "e", "defense"),
    benchmark:
        benchmark_of("retrain", "e", "defense")
    conda:
        "../environment.yml"
    resources:
        gpu=int(config["device"] != "cpu"),
    params:
        training=lambda w: training_of(config, int(w.e)),
        models=config["deployed"]["models"],
        trigger=lambda w: trigger_of(w.e),
        target_class=config["target_class"],
        seeds=SEEDS,
        dataset=DATASET,
        device=config["device"],
    script:
        "../scripts/retrain.py"
