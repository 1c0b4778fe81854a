from pathlib import Path

import pandas as pd

from rethinking_backdoors.io import job, write_text
from rethinking_backdoors.tables import summarize

with job(snakemake.log[0]):
    seeds = pd.read_csv(snakemake.input[0])
    for path in snakemake.output:
        write_text(path, summarize(seeds, Path(path).stem).to_csv(index=False))
