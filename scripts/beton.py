from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.data import beton
from rethinking_backdoors.io import job

with job(snakemake.log[0]):
    for poison, path in zip(snakemake.input.poison, snakemake.output, strict=True):
        beton.write(path, *read_poisoned(snakemake.input.images, poison))
