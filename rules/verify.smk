# Did it replicate? Every published number beside ours, and the paper's claims (config/published.yaml).
rule evidence:
    """What the published figures and the claims need beside the tables, for one experiment."""
    input:
        strength=of_experiment(STRENGTH),
        rivals=of_experiment(RIVALS),
        weights=of_experiment(WEIGHTS),
        detection=of_experiment(DETECTION),
    output:
        EVIDENCE,
    log:
        log_of("evidence", "e"),
    benchmark:
        benchmark_of("evidence", "e")
    conda:
        "../environment.yml"
    params:
        percents=lambda w: percents(w.e),
        rules=RULES,
        seeds=SEEDS,
    script:
        "../scripts/evidence.py"


rule verification:
    input:
        published=PUBLISHED,
        tables=TABLES,
        seeds=SEEDS_TABLE,
        evidence=expand(EVIDENCE, e=ATTACKED),
        source=SOURCE,
    output:
        evidence=EVIDENCE_TABLE,
        verification=VERIFICATION,
        claims=CLAIMS,
        page=VERIFICATION_PAGE,
    log:
        log_of("verification"),
    conda:
        "../environment.yml"
    params:
        settings={key: config[key] for key in COMPARED_SETTINGS},
    script:
        "../scripts/verification.py"


rule check:
    """Does this run give the reference's numbers? Makes no file, so that it answers whenever it is asked."""
    input:
        NUMBERS,
    log:
        log_of("check"),
    conda:
        "../environment.yml"
    params:
        reference=reference(),
    script:
        "../scripts/check.py"


rule verify:
    """Did it replicate? The answer, with what it needs."""
    input:
        VERIFIED,
