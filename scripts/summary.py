from pathlib import Path

import pandas as pd

from rethinking_backdoors.io import job, read_json, write_text
from rethinking_backdoors.reporting.pages import captions
from rethinking_backdoors.reporting.summary import page

with job(snakemake.log[0]):
    params, files = snakemake.params, snakemake.input
    tables = {Path(path).stem: pd.read_csv(path) for path in [*files.tables, *files.more]}
    texts = captions(files.captions, tables, files.findings)
    shown = {Path(path).stem: tables[Path(path).stem] for path in files.tables}
    write_text(
        snakemake.output[0], page(snakemake.wildcards.dataset, shown, params.experiments, texts, read_json(files.source)["note"])
    )
