# Lemma 1's estimates against measured strengths, k-output curves (paper, eq. 5 and 15), the trigger's natural rivals, and every
# number of every seed.
rule strength:
    input:
        margins=margins_of,
        poison=seeds(POISON),
        images=seeds(IMAGES),
    output:
        strength=seeds(STRENGTH),
        rivals=seeds(RIVALS),
    log:
        log_of("strength", "e", "a"),
    benchmark:
        benchmark_of("strength", "e", "a")
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
        "../scripts/strength.py"


rule seeds_table:
    input:
        poison=expand(POISON, e=EXPERIMENTS, seed=SEEDS),
        images=seeds(IMAGES),
        retrain=expand(RETRAIN, e=EXPERIMENTS, seed=SEEDS, defense=DEFENSES),
        defenses=expand(DEFENSE, e=EXPERIMENTS, seed=SEEDS, defense=DEFENSES[1:]),
        suspicions=expand(SUSPICION, e=EXPERIMENTS, seed=SEEDS, defense=BASELINES),
        strength=settings(STRENGTH, ATTACKED),
        detection=settings(DETECTION),
        control=settings(CONTROL, ATTACKED),
    output:
        SEEDS_TABLE,
    log:
        log_of("seeds_table"),
    benchmark:
        benchmark_of("seeds_table")
    conda:
        "../environment.yml"
    params:
        dataset=DATASET,
        experiments=SHOWN,
        defenses=DEFENSES,
        rules=RULES,
        target_class=config["target_class"],
        seeds=SEEDS,
    script:
        "../scripts/seeds_table.py"
