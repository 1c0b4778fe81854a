from rethinking_backdoors.io import job, read_npz, write_npz
from rethinking_backdoors.seeds import generator, root
from rethinking_backdoors.training.features import FeatureSettings, fit

with job(snakemake.log[0]):
    settings = FeatureSettings(**snakemake.params.features)
    for seed, images, path in zip(snakemake.params.seeds, snakemake.input.images, snakemake.output, strict=True):
        rng = generator(root(snakemake.params.dataset, 0, seed), "features")
        write_npz(path, **fit(read_npz(images, "spare_image")["spare_image"], settings, rng))
