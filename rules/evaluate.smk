# What the truth says: strengths against Lemma 1's estimates, k-output curves (paper, eq. 5 and 15), the trigger's natural rivals;
# every number of every seed; tables with intervals.
rule strength:
    input:
        margins=margins_of,
        poison=rules.poison.output.poison,
        images=rules.images.output.images,
    output:
        strength="results/{dataset}/exp{experiment}/seed{seed}/alpha{alpha}/strength.npz",
        rivals="results/{dataset}/exp{experiment}/seed{seed}/alpha{alpha}/natural.npz",
    log:
        "results/{dataset}/logs/strength/exp{experiment}-seed{seed}-alpha{alpha}.log",
    benchmark:
        "results/{dataset}/benchmarks/strength/exp{experiment}-seed{seed}-alpha{alpha}.tsv"
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
        "../scripts/strength.py"


rule evidence:
    """What the published figures and the claims need beside the tables, for one experiment, seed and subset fraction."""
    input:
        strength=rules.strength.output.strength,
        rivals=rules.strength.output.rivals,
        weights=rules.datamodel.output.weights,
        margins=margins_of,
        control=lambda w: planned(CONTROL, [w.experiment], alpha=w.alpha, seed=w.seed) if last(w) else [],
    output:
        "results/{dataset}/exp{experiment}/seed{seed}/alpha{alpha}/evidence.csv",
    log:
        "results/{dataset}/logs/evidence/exp{experiment}-seed{seed}-alpha{alpha}.log",
    benchmark:
        "results/{dataset}/benchmarks/evidence/exp{experiment}-seed{seed}-alpha{alpha}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        gpu=int(config["device"] != "cpu"),
        mem_mb=evidence_memory,
        runtime=120,
    params:
        estimator=config["estimator"],
        storage=STORAGE,
        device=config["device"],
        suffix=lambda w: "" if int(w.alpha) == percents(w.experiment)[0] else f"_alpha{w.alpha}",
    script:
        "../scripts/evidence.py"


rule numbers:
    """Every number of one seed. Files are ordered by experiment, subset fraction, and detector or defense."""
    input:
        images=rules.images.output.images,
        poison=lambda w: planned(rules.poison.output.poison, EXPERIMENTS, seed=w.seed),
        retrained=lambda w: planned(RETRAINED, EXPERIMENTS, seed=w.seed, defense=DEFENSES),
        removed=lambda w: planned(REMOVED, EXPERIMENTS, seed=w.seed, defense=DEFENSES[1:]),
        suspicion=lambda w: planned(SUSPICION, EXPERIMENTS, seed=w.seed, defense=SUSPICIOUS),
        strength=lambda w: planned(rules.strength.output.strength, ATTACKED, seed=w.seed),
        detection=lambda w: planned(rules.detect.output.detection, EXPERIMENTS, seed=w.seed),
        control=lambda w: at(-1, CONTROL, seed=w.seed),
    output:
        "results/{dataset}/numbers/seed{seed}.csv",
    log:
        "results/{dataset}/logs/numbers/seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/numbers/seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        percents={e: percents(e) for e in EXPERIMENTS},
        attacked=list(ATTACKED),
        defenses=DEFENSES,
        suspicious=SUSPICIOUS,
        detectors=DETECTORS,
        target_class={e: target_class(config, e) for e in EXPERIMENTS},
    script:
        "../scripts/numbers.py"


rule tables:
    """The numbers of all seeds in one table, and the paper's tables with intervals over seeds."""
    input:
        expand(rules.numbers.output, seed=SEEDS, allow_missing=True),
    output:
        seeds="results/{dataset}/tables/seeds.csv",
        tables=expand("results/{dataset}/tables/{table}.csv", table=TABLES, allow_missing=True),
    log:
        "results/{dataset}/logs/tables/all.log",
    benchmark:
        "results/{dataset}/benchmarks/tables/all.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../scripts/tables.py"
