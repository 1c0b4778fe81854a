# scores -> removed examples -> retrained networks (paper, Tables 3 and 6).
REPRESENTATIONS = "results/{dataset}/exp{experiment}/seed{seed}/representations.npz"
# What a defense removes, and the scores by which it does, if it has any.
REMOVED = "results/{dataset}/exp{experiment}/seed{seed}/defenses/{defense}.json"
SUSPICION = "results/{dataset}/exp{experiment}/seed{seed}/defenses/{defense}.npz"


rule representations:
    """The last hidden layer of one network that is trained on all examples, the same for every baseline defense."""
    input:
        images=rules.images.output.images,
        poison=together(rules.poison.output.poison),
        features=FITTED,
    output:
        together(REPRESENTATIONS),
    log:
        f"results/{{dataset}}/logs/representations/{JOB}.log",
    benchmark:
        f"results/{{dataset}}/benchmarks/representations/{JOB}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        gpu=int(config["device"] != "cpu"),
        mem_mb=3000,
        runtime=60,
    params:
        experiments=experiments_of,
        training=lambda w: [training_of(config, e) for e in experiments_of(w)],
        features=config.get("features"),
        device=config["device"],
    script:
        "../scripts/representations.py"


rule baseline:
    """One of the defenses that the paper compares with: a line of the configuration's section `defenses`."""
    input:
        images=rules.images.output.images,
        poison=together(rules.poison.output.poison),
        representations=together(REPRESENTATIONS),
        features=FITTED,
    output:
        removed=together(REMOVED),
        score=together(SUSPICION),
    log:
        f"results/{{dataset}}/logs/baseline/{JOB}-{{defense}}.log",
    benchmark:
        f"results/{{dataset}}/benchmarks/baseline/{JOB}-{{defense}}.tsv"
    wildcard_constraints:
        defense="|".join(BASELINES) or "no",
    conda:
        "../environment.yml"
    threads: 1
    resources:
        gpu=int(config["device"] != "cpu"),
        mem_mb=3000,
        runtime=120,
    params:
        experiments=experiments_of,
        lines=lambda w: [defense_of(config, w.defense, e) for e in experiments_of(w)],
        suspected=lambda w: [suspected(config, e) for e in experiments_of(w)],
        training=lambda w: [training_of(config, e) for e in experiments_of(w)],
        features=config.get("features"),
        device=config["device"],
    script:
        "../scripts/baseline.py"


rule defend:
    """Removes the examples with the highest scores of a detector."""
    input:
        detection=lambda w: detection_of(w, rules.detect.output.detection),
        manifest=lambda w: detection_of(w, rules.detect.output.manifest),
    output:
        REMOVED,
    log:
        "results/{dataset}/logs/defend/exp{experiment}-seed{seed}-{defense}.log",
    benchmark:
        "results/{dataset}/benchmarks/defend/exp{experiment}-seed{seed}-{defense}.tsv"
    wildcard_constraints:
        defense="|".join(DETECTORS),
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        share=lambda w: EXPERIMENTS[int(w.experiment)]["removed"],
    script:
        "../scripts/defend.py"


rule yardsticks:
    """What defenses are measured against: removal at random, of exactly the poison, and by the spread of margins."""
    input:
        poison=rules.poison.output.poison,
        margins=lambda w: planned(rules.train.output.margins, [w.experiment], seed=w.seed, alpha=percents(w.experiment)[-1]),
    output:
        removed=expand(REMOVED, defense=YARDSTICKS, allow_missing=True),
        score=expand(SUSPICION, defense=YARDSTICKS, allow_missing=True),
    log:
        "results/{dataset}/logs/yardsticks/exp{experiment}-seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/yardsticks/exp{experiment}-seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        share=lambda w: EXPERIMENTS[int(w.experiment)]["removed"],
    script:
        "../scripts/yardsticks.py"


RETRAINED = "results/{dataset}/exp{experiment}/seed{seed}/retrain/{defense}.json"


rule retrain:
    """All rows of Tables 1, 3 and 6 for one experiment and seed: the same recipe, only the removed examples differ."""
    input:
        images=rules.images.output.images,
        poison=rules.poison.output.poison,
        defenses=expand(REMOVED, defense=DEFENSES[1:], allow_missing=True),
        features=FITTED,
    output:
        expand(RETRAINED, defense=DEFENSES, allow_missing=True),
    log:
        "results/{dataset}/logs/retrain/exp{experiment}-seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/retrain/exp{experiment}-seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        gpu=int(config["device"] != "cpu"),
        mem_mb=3000,
        runtime=240,
    params:
        training=lambda w: training_of(config, int(w.experiment)),
        features=config.get("features"),
        models=config["deployed"]["models"],
        attack=lambda w: attack_of(config, int(w.experiment)),
        defenses=DEFENSES,
        device=config["device"],
    script:
        "../scripts/retrain.py"
