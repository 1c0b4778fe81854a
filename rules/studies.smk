# Questions beside the paper's tables: what the choices cost and gain (configuration, section `comparisons`), and its Figure 2.
rule compare:
    input:
        margins=lambda w: planned(
            rules.train.output.margins,
            [w.experiment],
            alpha=percents(w.experiment)[-1],
            seed=w.seed,
            shard=shards_of(compared_models(w)),
        ),
        poison=rules.poison.output.poison,
        images=rules.images.output.images,
    output:
        "results/{dataset}/comparisons/{comparison}/exp{experiment}-seed{seed}.csv",
    log:
        "results/{dataset}/logs/compare/exp{experiment}-seed{seed}-{comparison}.log",
    benchmark:
        "results/{dataset}/benchmarks/compare/exp{experiment}-seed{seed}-{comparison}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=study_memory,
        runtime=960,
    params:
        settings=comparison_settings,
        storage=STORAGE,
        removed=lambda w: EXPERIMENTS[int(w.experiment)]["removed"],
        target_class=lambda w: target_class(config, int(w.experiment)),
    script:
        "../scripts/compare.py"


rule comparison_table:
    input:
        lambda w: planned(
            rules.compare.output,
            [e for e in COMPARISONS[w.comparison]["experiments"] if e in ATTACKED],
            comparison=w.comparison,
        ),
    output:
        table="results/{dataset}/tables/{comparison}.csv",
        seeds="results/{dataset}/tables/{comparison}_seeds.csv",
    log:
        "results/{dataset}/logs/comparison_table/{comparison}.log",
    benchmark:
        "results/{dataset}/benchmarks/comparison_table/{comparison}.tsv"
    wildcard_constraints:
        comparison="|".join(COMPARISONS) or "no",
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../scripts/comparison_table.py"


# Tables that are made on request only, a job an experiment and seed: whether an attack works at all, here; the others in rules/scan.smk.
rule attacks:
    """Table 1 alone: networks on the whole poisoned set, and on the unpoisoned one, without the many models of detection."""
    input:
        images=rules.images.output.images,
        poison=rules.poison.output.poison,
        features=FITTED,
    output:
        "results/{dataset}/attacks/exp{experiment}-seed{seed}.csv",
    log:
        "results/{dataset}/logs/attacks/exp{experiment}-seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/attacks/exp{experiment}-seed{seed}.tsv"
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
        device=config["device"],
    script:
        "../scripts/attacks.py"


rule removal:
    """What removal costs whom: accuracy by defense of the class and of the tenth of the test images that suffer most."""
    input:
        retrained=expand(RETRAINED, defense=DEFENSES, allow_missing=True),
        removed=expand(REMOVED, defense=DEFENSES[1:], allow_missing=True),
        poison=rules.poison.output.poison,
    output:
        "results/{dataset}/removal/exp{experiment}-seed{seed}.csv",
    log:
        "results/{dataset}/logs/removal/exp{experiment}-seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/removal/exp{experiment}-seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        defenses=DEFENSES,
    script:
        "../scripts/removal.py"


rule certificates:
    """Votes of networks on small random subsets: their accuracy, the attack's success, and what they certify."""
    input:
        images=rules.images.output.images,
        poison=rules.poison.output.poison,
        features=FITTED,
    output:
        "results/{dataset}/certificates/exp{experiment}-seed{seed}.csv",
    log:
        "results/{dataset}/logs/certificates/exp{experiment}-seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/certificates/exp{experiment}-seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=240,
    params:
        training=lambda w: training_of(config, int(w.experiment)),
        features=config.get("features"),
        attack=lambda w: attack_of(config, int(w.experiment)),
    script:
        "../scripts/certificates.py"


rule clients:
    """Clients of a federation as examples: the same datamodels and search find those that poison it."""
    input:
        images=rules.images.output.images,
        poison=rules.poison.output.poison,
        features=FITTED,
    output:
        "results/{dataset}/clients/exp{experiment}-seed{seed}.csv",
    log:
        "results/{dataset}/logs/clients/exp{experiment}-seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/clients/exp{experiment}-seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=240,
    params:
        training=lambda w: training_of(config, int(w.experiment)),
        features=config.get("features"),
        attack=lambda w: attack_of(config, int(w.experiment)),
        detectors=config["detectors"],
        removed=lambda w: EXPERIMENTS[int(w.experiment)]["removed"],
    script:
        "../scripts/clients.py"


rule table_on_request:
    """What such jobs found in all seeds, with intervals."""
    input:
        lambda w: planned(getattr(rules, w.requested).output, ON_REQUEST[w.requested]),
    output:
        table="results/{dataset}/tables/{requested}.csv",
        seeds="results/{dataset}/tables/{requested}_seeds.csv",
    log:
        "results/{dataset}/logs/table_on_request/{requested}.log",
    benchmark:
        "results/{dataset}/benchmarks/table_on_request/{requested}.tsv"
    wildcard_constraints:
        requested="|".join(ON_REQUEST),
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../scripts/comparison_table.py"


# Figure 2 (paper, section 2.1): what a plausible object and a piece of a natural image move, and whether detection flags the object.
# The images with the object, their models, datamodels and scores are made by the rules of every other experiment.
rule plausible:
    """Networks trained with the object on more and more images, and without; tested with the object and with the pattern."""
    input:
        images=rules.images.output.images,
        features=FITTED,
    output:
        rows="results/{dataset}/figure2/seed{seed}.csv",
        pictures="results/{dataset}/figure2/seed{seed}.npz",
    log:
        "results/{dataset}/logs/plausible/seed{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/plausible/seed{seed}.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        gpu=int(config["device"] != "cpu"),
        mem_mb=3000,
        runtime=120,
    params:
        experiment=UNPLANTED[0] if UNPLANTED else None,
        attack=lambda w: attack_of(config, UNPLANTED[0]),
        removed=lambda w: PLANNED[UNPLANTED[0]]["removed"],
        counts=config.get("figure2", {}).get("counts"),
        natural=config.get("figure2", {}).get("natural"),
        tested=config.get("figure2", {}).get("tested"),
        training=lambda w: training_of(config, UNPLANTED[0]),
        features=config.get("features"),
        models=config["deployed"]["models"],
        device=config["device"],
    script:
        "../scripts/plausible.py"


rule figure2_table:
    """The numbers of Figure 2, with those of the detection of the object."""
    input:
        effects=expand(rules.plausible.output.rows, seed=SEEDS, allow_missing=True),
        images=expand(rules.images.output.images, seed=SEEDS, allow_missing=True),
        poison=lambda w: planned(rules.poison.output.poison, UNPLANTED),
        weights=lambda w: planned(rules.datamodel.output.weights, UNPLANTED),
        detection=lambda w: planned(rules.detect.output.detection, UNPLANTED),
        control=lambda w: planned(CONTROL, UNPLANTED),
    output:
        table="results/{dataset}/tables/figure2.csv",
        seeds="results/{dataset}/tables/figure2_seeds.csv",
    log:
        "results/{dataset}/logs/figure2_table/all.log",
    benchmark:
        "results/{dataset}/benchmarks/figure2_table/all.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=search_memory,
        runtime=30,
    params:
        removed=lambda w: PLANNED[UNPLANTED[0]]["removed"],
        target_class=lambda w: target_class(config, UNPLANTED[0]),
        detectors=DETECTORS,
        seeds=SEEDS,
    script:
        "../scripts/figure2_table.py"
