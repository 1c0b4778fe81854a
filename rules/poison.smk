# images -> poisoned training sets (paper, section 5, Table 1, Figure 6).
rule images:
    output:
        images=seeds(IMAGES),
        source=SOURCE,
    log:
        log_of("images"),
    benchmark:
        benchmark_of("images")
    conda:
        "../environment.yml"
    params:
        images=config["images"],
        seeds=SEEDS,
        dataset=DATASET,
    script:
        "../scripts/images.py"


rule adversary:
    """The adversarially trained network that the clean-label images of experiments 5 and 6 are made against."""
    input:
        images=seeds(IMAGES),
        features=features(),
    output:
        seeds(ADVERSARY),
    log:
        log_of("adversary"),
    benchmark:
        benchmark_of("adversary")
    priority: 2  # one long job, which two experiments wait for
    conda:
        "../environment.yml"
    resources:
        gpu=int(config["device"] != "cpu"),
    params:
        training=config.get("adversary", {}).get("training"),
        network=NETWORK,
        features=config.get("features"),
        seeds=SEEDS,
        dataset=DATASET,
        device=config["device"],
    script:
        "../scripts/adversary.py"


rule poison:
    input:
        images=seeds(IMAGES),
        adversary=lambda w: seeds(ADVERSARY) if is_adversarial(w.e) else [],
        features=lambda w: features() if is_adversarial(w.e) else [],
    output:
        poison=seeds(POISON),
        attack=seeds(ATTACK),
    log:
        log_of("poison", "e"),
    benchmark:
        benchmark_of("poison", "e")
    conda:
        "../environment.yml"
    resources:
        gpu=lambda w: int(config["device"] != "cpu" and is_adversarial(w.e)),
    params:
        attack=lambda w: attack_of(config, int(w.e)),
        ascent=lambda w: config["adversary"]["attack"] if is_adversarial(w.e) else None,
        network=lambda w: NETWORK if is_adversarial(w.e) else None,
        features=lambda w: config.get("features") if is_adversarial(w.e) else None,
        device=lambda w: config["device"] if is_adversarial(w.e) else None,
        seeds=SEEDS,
        dataset=DATASET,
    script:
        "../scripts/poison.py"


rule beton:
    """The poisoned training set in FFCV's format."""
    input:
        images=seeds(IMAGES),
        poison=seeds(POISON),
    output:
        seeds(BETON),
    log:
        log_of("beton", "e"),
    benchmark:
        benchmark_of("beton", "e")
    conda:
        "../environment.yml"
    script:
        "../scripts/beton.py"
