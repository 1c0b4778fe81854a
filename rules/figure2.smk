# Figure 2 (paper, section 2.1): what a plausible object and a piece of a natural image move, and whether detection flags the object.
# The images with the object, their models, datamodels and scores are made by the rules of every other experiment.
rule moved:
    """Networks trained with the object on more and more images, and without; tested with the object and with the pattern."""
    input:
        images=seeds(IMAGES),
        features=features(),
    output:
        rows=MOVED,
        pictures=PICTURES,
    log:
        log_of("moved"),
    benchmark:
        benchmark_of("moved")
    conda:
        "../environment.yml"
    resources:
        gpu=int(config["device"] != "cpu"),
    params:
        attack=lambda w: attack_of(config, FIGURE2),
        removed=PLANNED.get(FIGURE2, {}).get("removed"),
        counts=config.get("figure2", {}).get("counts"),
        natural=config.get("figure2", {}).get("natural"),
        tested=config.get("figure2", {}).get("tested"),
        training=lambda w: training_of(config, FIGURE2),
        features=config.get("features"),
        models=config["deployed"]["models"],
        seeds=SEEDS,
        dataset=DATASET,
        device=config["device"],
    script:
        "../scripts/moved.py"


rule figure2_table:
    """The numbers of Figure 2, with those of the detection of the object."""
    input:
        moved=MOVED,
        images=seeds(IMAGES),
        poison=expand(POISON, e=FIGURE2, seed=SEEDS),
        weights=expand(WEIGHTS, e=FIGURE2, a=50, seed=SEEDS),
        detection=expand(DETECTION, e=FIGURE2, a=50, seed=SEEDS, rule=RULES),
        control=expand(CONTROL, e=FIGURE2, a=50, seed=SEEDS, rule=RULES),
    output:
        table=FIGURE2_TABLE,
        seeds=FIGURE2_SEEDS,
    log:
        log_of("figure2_table"),
    conda:
        "../environment.yml"
    params:
        removed=PLANNED.get(FIGURE2, {}).get("removed"),
        target_class=config.get("figure2", {}).get("target_class"),
        rules=RULES,
        seeds=SEEDS,
    script:
        "../scripts/figure2_table.py"
