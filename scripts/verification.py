from pathlib import Path

import pandas as pd

from rethinking_backdoors.io import job, read_json, write_text
from rethinking_backdoors.reporting.verification import claims, page, published, verdicts

with job(snakemake.log[0]):
    inputs, output, config = snakemake.input, snakemake.output, snakemake.params.settings
    facts, evidence = published.read(inputs.published), pd.concat(map(pd.read_csv, inputs.evidence), ignore_index=True)
    tables = {Path(path).stem: pd.read_csv(path) for path in inputs.tables} | verdicts.means(evidence)
    verified = verdicts.verify(facts, config, tables)
    judged = claims.judge(facts, config, pd.concat([pd.read_csv(inputs.seeds), evidence]))
    write_text(output.evidence, evidence.to_csv(index=False))
    write_text(output.verification, verified.to_csv(index=False))
    write_text(output.claims, judged.to_csv(index=False))
    write_text(output.page, page.page(facts, config, verified, judged, evidence, read_json(inputs.source)["note"]))
