from rethinking_backdoors.data import open_source
from rethinking_backdoors.io import job, write_json, write_npz
from rethinking_backdoors.seeds import generator, root

with job(snakemake.log[0]):
    draw, facts = open_source(snakemake.params.images)
    for seed, path in zip(snakemake.params.seeds, snakemake.output.images, strict=True):
        # Experiment 0: the split belongs to the seed, all experiments share it.
        write_npz(path, **draw(generator(root(snakemake.params.dataset, 0, seed), "images")))
    write_json(snakemake.output.source, facts)
