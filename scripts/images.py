from rethinking_backdoors.data import open_source
from rethinking_backdoors.io import job, write_json, write_npz
from rethinking_backdoors.seeds import generator, root

with job(snakemake.log[0]):
    draw, facts = open_source(snakemake.params.images)
    # Experiment 0: the split belongs to the seed, all experiments share it.
    rng = generator(root(snakemake.wildcards.dataset, 0, int(snakemake.wildcards.seed)), "images")
    write_npz(snakemake.output.images, **draw(rng))
    write_json(snakemake.output.source, facts)
