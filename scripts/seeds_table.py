from rethinking_backdoors.io import job, write_text
from rethinking_backdoors.tables import collect

with job(snakemake.log[0]):
    params = snakemake.params
    numbers = collect(
        f"results/{params.dataset}", params.experiments, params.defenses, params.rules, params.target_class, params.seeds
    )
    write_text(snakemake.output[0], numbers.to_csv(index=False))
