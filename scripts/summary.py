from pathlib import Path

import pandas as pd

from rethinking_backdoors.io import job, read_json, write_text
from rethinking_backdoors.summary import page, read_captions

with job(snakemake.log[0]):
    tables = {Path(path).stem: pd.read_csv(path) for path in snakemake.input.tables}
    params, captions = snakemake.params, read_captions(snakemake.input.captions)
    note = read_json(snakemake.input.source)["note"]
    write_text(snakemake.output[0], page(params.dataset, tables, params.experiments, captions, note))
