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
    params:
        estimator=config["estimator"],
        seeds=SEEDS,
    script:
        "../scripts/datamodel.py"
