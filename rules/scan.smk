# What the scan answers where the truth is known (docs/scan.md); on request.
rule scan:
    """The scan of an experiment's training set; of experiment 0 also of strange sets that nobody attacked."""
    input:
        poison=rules.poison.output.poison,
        images=rules.images.output.images,
        features=FITTED,
    output:
        "results/{dataset}/scan/exp{experiment}-seed{seed}.csv",
    log:
        "results/{dataset}/logs/scan/exp{experiment}-seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/scan/exp{experiment}-seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        attack=lambda w: attack_of(config, int(w.experiment)),
        training=lambda w: training_of(config, int(w.experiment)),
        features=config.get("features"),
        models=config["deployed"]["models"],
        share=lambda w: EXPERIMENTS[int(w.experiment)]["removed"],
    script:
        "../scripts/scan.py"


rule scan_power:
    """The scan of an experiment with fewer and more poisoned examples, and with fewer and more models."""
    input:
        images=rules.images.output.images,
    output:
        "results/{dataset}/scan_power/exp{experiment}-seed{seed}.csv",
    log:
        "results/{dataset}/logs/scan_power/exp{experiment}-seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/scan_power/exp{experiment}-seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        attack=lambda w: attack_of(config, int(w.experiment)),
    script:
        "../scripts/scan_power.py"


rule scan_others:
    """What other detectors flag on the same sets by thresholds of their own."""
    input:
        poison=rules.poison.output.poison,
        images=rules.images.output.images,
        features=FITTED,
    output:
        "results/{dataset}/scan_others/exp{experiment}-seed{seed}.csv",
    log:
        "results/{dataset}/logs/scan_others/exp{experiment}-seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/scan_others/exp{experiment}-seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        training=lambda w: training_of(config, int(w.experiment)),
        features=config.get("features"),
    script:
        "../scripts/scan_others.py"


rule scan_trusted:
    """Half of an unattacked training set and attacked copies of it against trusted sets drawn from the other half."""
    input:
        images=rules.images.output.images,
    output:
        "results/{dataset}/scan_trusted/exp{experiment}-seed{seed}.csv",
    log:
        "results/{dataset}/logs/scan_trusted/exp{experiment}-seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/scan_trusted/exp{experiment}-seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        attacks={e: attack_of(config, e) for e in FIRST},
    script:
        "../scripts/scan_trusted.py"


rule scan_price:
    """The scan of an experiment with one subset fraction alone and more and more models."""
    input:
        poison=rules.poison.output.poison,
        images=rules.images.output.images,
    output:
        "results/{dataset}/scan_price/exp{experiment}-seed{seed}.csv",
    log:
        "results/{dataset}/logs/scan_price/exp{experiment}-seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/scan_price/exp{experiment}-seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    script:
        "../scripts/scan_price.py"


rule scan_growth:
    """How many models an attack needs in data sets of 1,250 to 20,000 examples."""
    output:
        "results/{dataset}/scan_growth/exp{experiment}-seed{seed}.csv",
    log:
        "results/{dataset}/logs/scan_growth/exp{experiment}-seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/scan_growth/exp{experiment}-seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        attack=lambda w: attack_of(config, int(w.experiment)),
        images=config["images"],
    script:
        "../scripts/scan_growth.py"
