# Tables and numbers -> figures, the answer (config/published.yaml), the readable summary, cost and provenance, the report.
SOURCE = single(rules.images.output.source, seed=SEEDS[0])
# Comparisons but `compute` are made on request.
COMPARED = expand(rules.comparison_table.output, comparison=["compute"] if "compute" in COMPARISONS else [], allow_missing=True)


STRENGTHS = {"strength": first(rules.strength.output.strength)}
# Every figure: what it is drawn from, and what of the configuration it needs beside the experiments. A module of the same name in
# src/rethinking_backdoors/reporting/figures loads, draws and says it; its caption is workflow/report/NAME.rst or else the module's docstring.
FIGURES = {
    "figure2": (
        {
            "table": rules.figure2_table.output.table,
            "pictures": single(rules.plausible.output.pictures, seed=SEEDS[0]),
            "source": SOURCE,
        },
        {},
    ),
    "figure3": (STRENGTHS, {}),
    "figure4": (STRENGTHS, {}),
    "figure5": (STRENGTHS, {}),
    "figure6": (
        {
            "images": single(rules.images.output.images, seed=SEEDS[0]),
            "poison": first(rules.poison.output.poison),
        },
        {"triggers": {line["trigger"]: config["triggers"][line["trigger"]] for line in EXPERIMENTS.values()}},
    ),
    "figure7": (STRENGTHS, {}),
    "figure8": (STRENGTHS, {}),
    "figure9": ({"weights": first(rules.datamodel.output.weights), "poison": first(rules.poison.output.poison)}, {}),
    "figure10": (compute("compute"), {}),
    "figure10_full": (compute("compute_full"), {}),
    "figure11": (
        {
            "images": expand(rules.images.output.images, seed=SEEDS, allow_missing=True),
            "poison": planned(rules.poison.output.poison, ATTACKED),
            "suspicion": planned(SUSPICION, ATTACKED, defense=SUSPICIOUS),
            "detection": at(-1, rules.detect.output.detection),
        },
        {"target_class": {e: target_class(config, e) for e in ATTACKED}, "suspicious": SUSPICIOUS, "detectors": DETECTORS},
    ),
    **{f"study_{name}": (compute(name), {}) for name in STUDIES},
    "figure12": ({"table": rules.tables.output.tables[TABLES.index("table6")]}, {}),
}
# Figure 10 with the full grid and the studies are made on request.
ABSENT = {"figure10_full", *(f"study_{name}" for name in STUDIES), *["figure2"] * (not UNPLANTED), *["figure10"] * (not COMPARED)}
DRAWN = [name for name in FIGURES if name not in ABSENT]
PICTURE, FINDINGS = "figures/{dataset}/{figure}.png", "results/{dataset}/findings/{figure}.txt"

for name, (files, settings) in FIGURES.items():

    rule:
        name:
            name
        input:
            **files,
        output:
            png=f"figures/{{dataset}}/{name}.png",
            pdf=f"figures/{{dataset}}/{name}.pdf",
            findings=f"results/{{dataset}}/findings/{name}.txt",
        log:
            f"results/{{dataset}}/logs/{name}/all.log",
        benchmark:
            f"results/{{dataset}}/benchmarks/{name}/all.tsv"
        conda:
            "../environment.yml"
        threads: 1
        resources:
            mem_mb=search_memory,
            runtime=30,
        params:
            **settings,
            module="study" if name.startswith("study_") else name.removesuffix("_full"),
            experiments=SHOWN_ATTACKED,
        script:
            "../scripts/figure.py"


rule verification:
    """Did it replicate? Every published number beside the measured ones, and the paper's claims."""
    input:
        published=f"{HERE}/config/published.yaml",
        tables=rules.tables.output.tables,
        seeds=rules.tables.output.seeds,
        evidence=planned(rules.evidence.output, ATTACKED),
        source=SOURCE,
    output:
        evidence="results/{dataset}/tables/evidence.csv",
        verification="results/{dataset}/verification.csv",
        claims="results/{dataset}/claims.csv",
        page="results/{dataset}/verification.md",
    log:
        "results/{dataset}/logs/verification/all.log",
    benchmark:
        "results/{dataset}/benchmarks/verification/all.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        # What of the configuration decides whether a measured number can be compared with the paper's.
        settings={
            key: config[key]
            for key in ("dataset", "images", "training", "models", "estimator", "detectors", "triggers", "experiments", "seeds")
        },
    script:
        "../scripts/verification.py"


rule summary:
    """Every table in readable form, with the figures and their captions."""
    input:
        tables=rules.tables.output.tables,
        more=COMPARED[:1],
        captions=[caption_of(name) for name in [*TABLES, *DRAWN]],
        findings=expand(FINDINGS, figure=DRAWN, allow_missing=True),
        source=SOURCE,
    output:
        "results/{dataset}/summary.md",
    log:
        "results/{dataset}/logs/summary/all.log",
    benchmark:
        "results/{dataset}/benchmarks/summary/all.tsv"
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        experiments=SHOWN,
    script:
        "../scripts/summary.py"


# What a run makes for its reader, with every number of every seed that `check` compares with the reference.
NUMBERS = [*rules.tables.output, rules.verification.output.evidence, *rules.figure2_table.output * bool(UNPLANTED), *COMPARED]
DRAWINGS = expand("figures/{dataset}/{figure}.{kind}", figure=DRAWN, kind=["png", "pdf"], allow_missing=True)


rule record:
    """What the run cost, and what was run where."""
    input:
        results=[*NUMBERS, *rules.summary.output, *rules.verification.output, *DRAWINGS],
        source=SOURCE,
    output:
        cost="results/{dataset}/cost.csv",
        provenance="results/{dataset}/provenance.json",
    log:
        "results/{dataset}/logs/record/all.log",
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        benchmarks=[file for rule in workflow.rules if rule.benchmark for file in planned(str(rule.benchmark), defense=DEFENSES)],
        root=HERE,
    script:
        "../scripts/record.py"


rule check:
    """Does this run give the reference's numbers? Makes no file, so that it answers whenever it is asked."""
    input:
        [path for path in expand(NUMBERS, dataset=DATASET) if path.endswith(("seeds.csv", "evidence.csv"))],
    log:
        f"results/{DATASET}/logs/check/all.log",
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        # The reference of this run's own folder before the repository's.
        reference=next(filter(os.path.isdir, [place := f"results/reference/{DATASET}"]), f"{HERE}/{place}"),
    script:
        "../scripts/check.py"


rule verify:
    """Did it replicate? The answer, with what it needs."""
    input:
        expand(rules.verification.output, dataset=DATASET),


# The report: its sections, and the tables and figures that each shows. A table that is added here needs a caption
# workflow/report/NAME.rst, and in reporting/findings.py what came out of it, with a template.
SECTIONS = {
    "1 Did it replicate": ["claims", "verification"],
    "2 Attacks": ["table1", "figure6"],
    "3 Datamodels and feature strength": ["table2", "figure3", "figure4", "figure5", "figure7", "figure8"],
    "4 Detection": ["table4"],
    "5 Defenses": ["figure12", "table3", "table6", "defenses", "figure11"],
    "6 Weights": ["figure9"],
    "7 Compute": [*["compute", "figure10"] * bool(COMPARED), "cost"],
    "8 Features that nobody planted": ["figure2"] * bool(UNPLANTED),
}
SECTIONS["9 More figures"] = [name for name in DRAWN if name not in sum(SECTIONS.values(), [])]
REPORTED = [name for names in SECTIONS.values() for name in names]


rule pages:
    """A page for every table and figure, with its caption and what came out, and the report's first page."""
    input:
        shown=[reported(name) for name in REPORTED],
        captions=[caption_of(name) for name in REPORTED],
        findings=expand(FINDINGS, figure=DRAWN, dataset=DATASET),
        source=single(SOURCE, dataset=DATASET),
    output:
        pages=[in_report(name) for name in REPORTED],
        captions=[f"results/{DATASET}/report/{name}.rst" for name in REPORTED],
        overview=f"results/{DATASET}/report/overview.rst",
    log:
        f"results/{DATASET}/logs/pages/all.log",
    conda:
        "../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        dataset=DATASET,
        experiments=SHOWN,
    script:
        "../scripts/pages.py"
