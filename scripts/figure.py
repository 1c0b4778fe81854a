from importlib import import_module

from rethinking_backdoors import findings
from rethinking_backdoors.figures import inputs, style
from rethinking_backdoors.io import job, write_text

with job(snakemake.log[0]):
    params = snakemake.params
    module = import_module(f"rethinking_backdoors.figures.{params.name.removesuffix('_full')}")
    arguments = inputs.READERS[params.name](f"results/{params.dataset}", **params.facts)
    style.save(module.draw(**arguments), snakemake.output.png)
    # What the report says of the figure; nothing where its numbers are a table's.
    found = findings.FIGURES[params.name](**arguments) if params.name in findings.FIGURES else ""
    write_text(snakemake.output.found, found)
