from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.io import job
from rethinking_backdoors.seeds import root
from rethinking_backdoors.training import features
from rethinking_backdoors.training.engine import train_shards

with job(snakemake.log[0], snakemake.params.device):
    params = snakemake.params
    if snakemake.input.beton:
        from rethinking_backdoors import beton

        sets = [beton.read(path) for path in snakemake.input.beton]
    else:
        print("loader: tensor, so the poisoned set is read from poison.npz and no .beton file is used")
        pairs = zip(snakemake.input.images, snakemake.input.poison, strict=True)
        sets = [read_poisoned(images, poison) for images, poison in pairs]
    train_shards(
        sets,
        snakemake.output.margins,
        [root(params.dataset, int(snakemake.wildcards.e), seed) for seed in params.seeds],
        alpha=int(snakemake.wildcards.a) / 100,
        models=tuple(params.models),
        training=params.training,
        extractors=[features.load(path, params.features) for path in snakemake.input.features],
        device=params.device,
    )
