from pathlib import Path

import pandas as pd

from rethinking_backdoors.io import job, read_json, write_text
from rethinking_backdoors.reporting.pages import captions, image, page, table
from rethinking_backdoors.reporting.summary import overview, readable

with job(snakemake.log[0]):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    tables = {Path(path).stem: pd.read_csv(path) for path in files.shown if path.endswith(".csv")}
    texts = captions(files.captions, tables, files.findings)
    for path, target, caption in zip(files.shown, output.pages, output.captions, strict=True):
        name = Path(path).stem
        content = table(path, readable(tables[name], params.experiments)) if name in tables else image(path)
        write_text(target, page(texts[name], content))
        write_text(caption, texts[name])
    write_text(output.overview, overview(params.dataset, texts, read_json(files.source)["note"]))
