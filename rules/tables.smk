# Numbers of every seed -> tables with intervals, the readable summary, the cost, and what was run where.
rule tables:
    input:
        SEEDS_TABLE,
    output:
        TABLES,
    log:
        log_of("tables"),
    conda:
        "../environment.yml"
    script:
        "../scripts/tables.py"


rule summary:
    """Every table in readable form, with the figures and their captions."""
    input:
        tables=TABLES,
        more=COMPARED_BY_DEFAULT,
        captions=[caption_of(name_of(path)) for path in [*TABLES, *DRAWN]],
        found=expand(FOUND, figure=DRAWN),
        source=SOURCE,
    output:
        SUMMARY,
    log:
        log_of("summary"),
    conda:
        "../environment.yml"
    params:
        dataset=DATASET,
        experiments=SHOWN,
    script:
        "../scripts/summary.py"


rule record:
    """What the run cost, and what was run where."""
    input:
        results=[SEEDS_TABLE, TABLES, EVIDENCE_TABLE, COMPARED_BY_DEFAULT, UNPLANTED, SUMMARY, VERIFIED, FIGURES],
        source=SOURCE,
    output:
        cost=COST,
        provenance=PROVENANCE,
    log:
        log_of("record"),
    conda:
        "../environment.yml"
    params:
        benchmarks=[path for name, keys in BENCHMARKED.items() for path in planned(benchmark_of(name, *keys), keys)],
        root=workflow.basedir,
    script:
        "../scripts/record.py"
