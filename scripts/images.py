from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, write_json, write_npz

with job(snakemake.log[0]):
    arrays, facts = Experiment.of_job(snakemake.wildcards, snakemake.params).draw()
    write_npz(snakemake.output.images, **arrays)
    write_json(snakemake.output.source, facts)
