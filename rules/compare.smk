# What the choices cost and gain: one job an experiment, one table a comparison (configuration, section `comparisons`).
rule compare:
    input:
        margins=margins_of_detection,
        poison=seeds(POISON),
        images=seeds(IMAGES),
    output:
        COMPARED,
    log:
        log_of("compare", "e", "comparison"),
    benchmark:
        benchmark_of("compare", "e", "comparison")
    conda:
        "../environment.yml"
    params:
        settings=comparison_settings,
        removed=lambda w: EXPERIMENTS[int(w.e)]["removed"],
        target_class=config["target_class"],
        seeds=SEEDS,
    script:
        "../scripts/compare.py"


rule comparison_table:
    input:
        compared_of,
    output:
        table=COMPARISON,
        seeds=COMPARISON_SEEDS,
    log:
        log_of("comparison_table", "comparison"),
    conda:
        "../environment.yml"
    script:
        "../scripts/comparison_table.py"
