# images -> poisoned training sets (paper, section 5, Table 1, Figure 6).
rule images:
    output:
        images="results/{dataset}/images/seed{seed}.npz",
        source="results/{dataset}/images/seed{seed}.json",
    log:
        "results/{dataset}/logs/images/seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/images/seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        images=config["images"],
    script:
        "../scripts/images.py"


rule features:
    """Fixed random-patch features, fitted on the spare images, or without any on clean training images; never on labels."""
    input:
        images=rules.images.output.images,
    output:
        "results/{dataset}/features/seed{seed}.npz",
    log:
        "results/{dataset}/logs/features/seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/features/seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        features=config.get("features"),
    script:
        "../scripts/features.py"


# The fitted features of a seed, for the rules that train or attack networks on features.
FITTED = rules.features.output[0] if "features" in config else []


rule adversary:
    """The adversarially trained network that the clean-label images of experiments 5 and 6 are made against."""
    input:
        images=rules.images.output.images,
        features=FITTED,
    output:
        "results/{dataset}/adversary/seed{seed}.npz",
    log:
        "results/{dataset}/logs/adversary/seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/adversary/seed{seed}.tsv"
    priority: 2  # one long job, which two experiments wait for
    conda:
        "../environment.yml"
    threads: 1
    resources:
        gpu=int(config["device"] != "cpu"),
        mem_mb=3000,
        runtime=240,
    params:
        robust=config.get("adversary", {}).get("training"),
        network=adversary_network(config),
        features=config.get("features"),
        device=config["device"],
    script:
        "../scripts/adversary.py"


rule poison:
    input:
        images=rules.images.output.images,
        adversary=lambda w: rules.adversary.output[0] if is_adversarial(w.experiment) else [],
        features=lambda w: FITTED if is_adversarial(w.experiment) else [],
    output:
        poison="results/{dataset}/exp{experiment}/seed{seed}/poison.npz",
        attack="results/{dataset}/exp{experiment}/seed{seed}/attack.json",
    log:
        "results/{dataset}/logs/poison/exp{experiment}-seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/poison/exp{experiment}-seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        gpu=lambda w: int(config["device"] != "cpu" and is_adversarial(w.experiment)),
        mem_mb=3000,
        runtime=60,
    params:
        attack=lambda w: attack_of(config, int(w.experiment)),
        ascent=lambda w: config["adversary"]["attack"] if is_adversarial(w.experiment) else None,
        network=lambda w: adversary_network(config) if is_adversarial(w.experiment) else None,
        features=lambda w: config.get("features") if is_adversarial(w.experiment) else None,
        device=lambda w: config["device"] if is_adversarial(w.experiment) else None,
    script:
        "../scripts/poison.py"


BETON = "results/{dataset}/exp{experiment}/seed{seed}/train.beton"


rule beton:
    """The poisoned training set in FFCV's format."""
    input:
        images=rules.images.output.images,
        poison=together(rules.poison.output.poison),
    output:
        together(BETON),
    log:
        f"results/{{dataset}}/logs/beton/{JOB}.log",
    benchmark:
        f"results/{{dataset}}/benchmarks/beton/{JOB}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    script:
        "../scripts/beton.py"
