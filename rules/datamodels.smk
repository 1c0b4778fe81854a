# margins -> datamodels (paper, eq. 3).
rule datamodel:
    input:
        margins=margins_of,
    output:
        weights=seeds(WEIGHTS),
        manifest=manifests(WEIGHTS),
    log:
        log_of("datamodel", "e", "a"),
    benchmark:
        benchmark_of("datamodel", "e", "a")
    conda:
        "../environment.yml"
    resources:
        gpu=int(config["device"] != "cpu"),
        mem_mb=fit_memory,
    params:
        estimator=config["estimator"],
        device=config["device"],
        seeds=SEEDS,
    script:
        "../scripts/datamodel.py"
