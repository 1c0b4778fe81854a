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
    """Cost and provenance. A rerun that reproduces every byte on like hardware leaves the record as it was."""
    input:
        results=[SEEDS_TABLE, TABLES, EVIDENCE_TABLE, COMPARED_BY_DEFAULT, UNPLANTED, SUMMARY, VERIFIED, FIGURES],
        source=SOURCE,
    output:
        cost=update(COST),
        provenance=update(PROVENANCE),
    log:
        log_of("record"),
    conda:
        "../environment.yml"
    params:
        benchmarks=BENCHMARKS,
    script:
        "../scripts/record.py"
