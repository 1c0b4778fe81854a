# Figures 3 to 9 of the paper, from the first reported seed: one rule a figure, one module of the library draws each.
for number in NUMBERS:

    rule:
        name:
            f"figure{number}"
        input:
            figure_inputs(number),
        output:
            png=report(f"figures/{DATASET}/figure{number}.png", caption=caption_of(number), category="Figures"),
            pdf=f"figures/{DATASET}/figure{number}.pdf",
        log:
            log_of(f"figure{number}"),
        benchmark:
            benchmark_of(f"figure{number}")
        conda:
            "../environment.yml"
        params:
            name=f"figure{number}",
            dataset=DATASET,
            experiments=SHOWN,
            triggers=config["triggers"],
            seed=SEEDS[0],
        script:
            "../scripts/figure.py"
