# Figures 3 to 11 (3 to 9 are the paper's): one rule a figure, one module of the library draws each. Figure 10 with the full grid is
# made on request only.
for name in [*DRAWN, *["figure10_full"] * ("compute_full" in COMPARISONS)]:

    rule:
        name:
            name
        input:
            figure_inputs(name),
        output:
            png=f"figures/{DATASET}/{name}.png",
            pdf=f"figures/{DATASET}/{name}.pdf",
            found=FOUND.format(figure=name),
        log:
            log_of(name),
        benchmark:
            benchmark_of(name)
        conda:
            "../environment.yml"
        params:
            name=name,
            dataset=DATASET,
            facts=figure_facts(name),
        script:
            "../scripts/figure.py"
