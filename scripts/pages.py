from pathlib import Path

import pandas as pd

from rethinking_backdoors.io import job, read_json, write_text
from rethinking_backdoors.reporting.overview import overview
from rethinking_backdoors.reporting.pages import captions, page
from rethinking_backdoors.reporting.summary import readable

with job(snakemake.log[0]):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    tables = {Path(path).stem: pd.read_csv(path) for path in files.shown if path.endswith(".csv")}
    texts = captions(files.captions, tables, files.findings)
    for path, target, caption in zip(files.shown, output.pages, output.captions, strict=True):
        name = Path(path).stem
        write_text(target, page(texts[name], path, readable(tables[name], params.experiments) if name in tables else None))
        write_text(caption, texts[name])
    pictures = [path for path in files.shown if path.endswith(".png")]
    write_text(output.overview, overview(params.dataset, tables, texts, pictures, read_json(files.source)["note"]))
