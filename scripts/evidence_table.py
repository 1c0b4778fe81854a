import pandas as pd

from rethinking_backdoors.io import job, write_text

with job(snakemake.log[0]):
    write_text(snakemake.output[0], pd.concat(map(pd.read_csv, snakemake.input)).to_csv(index=False))
