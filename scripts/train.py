from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.io import job
from rethinking_backdoors.seeds import root
from rethinking_backdoors.training import features
from rethinking_backdoors.training.engine import train_shard

with job(snakemake.log[0], snakemake.params.device):
    params, inputs, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    if hasattr(inputs, "beton"):
        from rethinking_backdoors import beton

        images, labels = beton.read(inputs.beton)
    else:
        print("loader: tensor, so the poisoned set is read from poison.npz and no .beton file is used")
        images, labels = read_poisoned(inputs.images, inputs.poison)
    train_shard(
        images,
        labels,
        snakemake.output.margins,
        root=root(wildcards.dataset, int(wildcards.experiment), int(wildcards.seed)),
        alpha=int(wildcards.alpha) / 100,
        models=tuple(params.models),
        training=params.training,
        extractor=features.load(inputs.features, params.features) if inputs.features else None,
        device=params.device,
    )
