# datamodels -> scores (paper, eq. 7 and 8, Table 4), and the control: the same on datamodels of permuted masks.
rule detect:
    input:
        weights=seeds(WEIGHTS),
        manifest=manifests(WEIGHTS),
    output:
        detection=seeds(DETECTION),
        manifest=manifests(DETECTION),
    log:
        log_of("detect", "e", "a", "rule"),
    benchmark:
        benchmark_of("detect", "e", "a", "rule")
    conda:
        "../environment.yml"
    resources:
        gpu=int(config["device"] != "cpu"),
        mem_mb=search_memory,
    params:
        rule=lambda w: rules_of(w.e)[w.rule],
        device=config["device"],
    script:
        "../scripts/detect.py"


rule control:
    """The mask rows are permuted, so that W holds no information on who moves whom; everything else is as in detection."""
    input:
        margins=margins_of,
    output:
        expand(CONTROL, seed=SEEDS, rule=RULES, allow_missing=True),
    log:
        log_of("control", "e", "a"),
    benchmark:
        benchmark_of("control", "e", "a")
    conda:
        "../environment.yml"
    resources:
        gpu=int(config["device"] != "cpu"),
        mem_mb=lambda w: max(fit_memory(w), search_memory(w)),
    params:
        estimator=config["estimator"],
        device=config["device"],
        rules=lambda w: rules_of(w.e),
        permutations=lambda w: 1 if int(w.e) == FIGURE2 else config["controls"]["permutations"],
        seeds=SEEDS,
    script:
        "../scripts/control.py"
