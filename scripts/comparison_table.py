import pandas as pd

from rethinking_backdoors.io import job, write_text
from rethinking_backdoors.studies.comparisons import of_every_seed, summarize

with job(snakemake.log[0]):
    rows = pd.concat([pd.read_csv(path) for path in snakemake.input], ignore_index=True)
    name = getattr(snakemake.wildcards, "comparison", None) or snakemake.wildcards.requested
    write_text(snakemake.output.seeds, of_every_seed(rows, name).to_csv(index=False))
    write_text(snakemake.output.table, summarize(rows).to_csv(index=False))
