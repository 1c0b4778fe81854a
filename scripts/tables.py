from pathlib import Path

import pandas as pd

from rethinking_backdoors.evaluation.tables import summarize
from rethinking_backdoors.io import job, write_text

with job(snakemake.log[0]):
    output = snakemake.output
    numbers = pd.concat([pd.read_csv(path, dtype={"value": str}) for path in snakemake.input])
    write_text(output.seeds, numbers.sort_values("experiment", kind="stable").to_csv(index=False))
    seeds = pd.read_csv(output.seeds)
    for path in output.tables:
        write_text(path, summarize(seeds, Path(path).stem).to_csv(index=False))
