# margins -> datamodels (paper, eq. 3).
rule datamodel:
    input:
        margins=margins_of,
    output:
        weights=f"results/{{dataset}}/exp{{experiment}}/seed{{seed}}/alpha{{alpha}}/datamodel_{config['estimator']}.npy",
        manifest=f"results/{{dataset}}/exp{{experiment}}/seed{{seed}}/alpha{{alpha}}/datamodel_{config['estimator']}.json",
    log:
        "results/{dataset}/logs/datamodel/exp{experiment}-seed{seed}-alpha{alpha}.log",
    benchmark:
        "results/{dataset}/benchmarks/datamodel/exp{experiment}-seed{seed}-alpha{alpha}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        gpu=int(config["device"] != "cpu"),
        mem_mb=fit_memory,
        runtime=240,
    params:
        estimator=config["estimator"],
        storage=STORAGE,
        device=config["device"],
    script:
        "../scripts/datamodel.py"
