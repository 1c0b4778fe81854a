# The report's pages (`make report`): made on request, after everything that the default makes.
rule rulegraph:
    """Snakemake's own graph of the rules, drawn here, so that nothing else has to be installed."""
    input:
        [f"{workflow.basedir}/Snakefile", *sorted(glob.glob(f"{workflow.basedir}/rules/*.smk"))],
    output:
        png=RULEGRAPH,
        pdf=RULEGRAPH.replace(".png", ".pdf"),
    log:
        log_of("rulegraph"),
    conda:
        "../environment.yml"
    script:
        "../scripts/rulegraph.py"


rule pages:
    """A page for every table and figure, with its caption and what came out, and the report's first page."""
    input:
        shown=REPORTED,
        captions=[caption_of(name_of(path)) for path in REPORTED],
        found=expand(FOUND, figure=DRAWN),
        source=SOURCE,
    output:
        pages=[in_report(path) for path in REPORTED],
        captions=[f"{RESULTS}/report/{name_of(path)}.rst" for path in REPORTED],
        overview=OVERVIEW,
    log:
        log_of("pages"),
    conda:
        "../environment.yml"
    params:
        dataset=DATASET,
        experiments=SHOWN,
    script:
        "../scripts/pages.py"
