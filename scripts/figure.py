from importlib import import_module

from rethinking_backdoors.io import job, write_text
from rethinking_backdoors.reporting.figures import style

with job(snakemake.log[0]):
    module = import_module(f"rethinking_backdoors.reporting.figures.{snakemake.params.module}")
    arguments = module.load(snakemake.input, snakemake.params)
    style.save(module.draw(**arguments), snakemake.output.png)
    # What the report says of the figure; nothing where its numbers are a table's.
    write_text(snakemake.output.findings, module.say(**arguments) if hasattr(module, "say") else "")
