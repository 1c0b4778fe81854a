from rethinking_backdoors.io import job, read_npz, write_npz
from rethinking_backdoors.seeds import generator, root
from rethinking_backdoors.training.features import FeatureSettings, fit

with job(snakemake.log[0]):
    settings = FeatureSettings(**snakemake.params.features)
    rng = generator(root(snakemake.wildcards.dataset, 0, int(snakemake.wildcards.seed)), "features")
    write_npz(snakemake.output[0], **fit(read_npz(snakemake.input.images, "spare_image")["spare_image"], settings, rng))
