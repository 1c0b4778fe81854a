from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_npz

with job(snakemake.log[0]):
    spare = read_npz(snakemake.input.images, "spare_image")["spare_image"]
    write_npz(snakemake.output[0], **Experiment.of_job(snakemake.wildcards, snakemake.params).fit_features(spare))
