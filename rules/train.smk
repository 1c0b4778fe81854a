# poisoned training set -> margins of very many models (paper, section 5 and appendix D).
rule train:
    input:
        unpack(training_set),
        features=FITTED,
    output:
        margins="results/{dataset}/exp{experiment}/seed{seed}/alpha{alpha}/margins/{shard}.npy",
        manifest="results/{dataset}/exp{experiment}/seed{seed}/alpha{alpha}/margins/{shard}.json",
    log:
        "results/{dataset}/logs/train/exp{experiment}-seed{seed}-alpha{alpha}-{shard}.log",
    benchmark:
        "results/{dataset}/benchmarks/train/exp{experiment}-seed{seed}-alpha{alpha}-{shard}.tsv"
    priority: 1
    conda:
        "../environment.yml"
    threads: 1
    resources:
        gpu=int(config["device"] != "cpu"),
        mem_mb=3000,
        runtime=720,
    params:
        training=lambda w: training_of(config, int(w.experiment)),
        features=config.get("features"),
        models=models_of,
        device=config["device"],
    script:
        "../scripts/train.py"
