# datamodels -> scores (paper, eq. 7 and 8, Table 4), and their control.
rule detect:
    input:
        weights=rules.datamodel.output.weights,
        manifest=rules.datamodel.output.manifest,
    output:
        detection="results/{dataset}/exp{experiment}/seed{seed}/alpha{alpha}/detection_{detector}.npz",
        manifest="results/{dataset}/exp{experiment}/seed{seed}/alpha{alpha}/detection_{detector}.json",
    log:
        "results/{dataset}/logs/detect/exp{experiment}-seed{seed}-alpha{alpha}-{detector}.log",
    benchmark:
        "results/{dataset}/benchmarks/detect/exp{experiment}-seed{seed}-alpha{alpha}-{detector}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        gpu=int(config["device"] != "cpu"),
        mem_mb=search_memory,
        runtime=480,
    params:
        settings=lambda w: detectors_of(config, int(w.experiment))[w.detector],
        device=config["device"],
    script:
        "../scripts/detect.py"


CONTROL = "results/{dataset}/exp{experiment}/seed{seed}/alpha{alpha}/control_{detector}.npz"


rule control:
    """Cross-fitting: sets found on half of the models and judged on the other half; and the same on permuted mask rows."""
    input:
        margins=margins_of,
    output:
        expand(CONTROL, detector=DETECTORS, allow_missing=True),
    log:
        "results/{dataset}/logs/control/exp{experiment}-seed{seed}-alpha{alpha}.log",
    benchmark:
        "results/{dataset}/benchmarks/control/exp{experiment}-seed{seed}-alpha{alpha}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        gpu=int(config["device"] != "cpu"),
        mem_mb=halves_memory,
        runtime=960,
    params:
        estimator=config["estimator"],
        storage=STORAGE,
        device=config["device"],
        detectors=lambda w: detectors_of(config, int(w.experiment)),
        permutations=config["controls"]["permutations"],
    script:
        "../scripts/control.py"
