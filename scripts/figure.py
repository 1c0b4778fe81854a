from importlib import import_module

from rethinking_backdoors.figures import inputs, style
from rethinking_backdoors.io import job

with job(snakemake.log[0]):
    params = snakemake.params
    module = import_module(f"rethinking_backdoors.figures.{params.name.removesuffix('_full')}")
    arguments = inputs.READERS[params.name](f"results/{params.dataset}", **params.facts)
    style.save(module.draw(**arguments), snakemake.output.png)
