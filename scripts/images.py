from rethinking_backdoors.data import SOURCES
from rethinking_backdoors.io import job, write_npz
from rethinking_backdoors.seeds import generator, root

with job(snakemake.log[0]):
    settings = snakemake.params.images
    for seed, path in zip(snakemake.params.seeds, snakemake.output, strict=True):
        # Experiment 0: the split belongs to the seed, all experiments share it.
        rng = generator(root(snakemake.params.dataset, 0, seed), "images")
        write_npz(path, **SOURCES[settings["source"]](settings["train"], rng))
