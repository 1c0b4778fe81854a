from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_npz

with job(snakemake.log[0]):
    experiment = Experiment.of_job(snakemake.wildcards, snakemake.params)
    write_npz(snakemake.output[0], **experiment.fit_features(read_npz(snakemake.input.images)))
