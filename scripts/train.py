from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job
from rethinking_backdoors.training.engine import train_shard

with job(snakemake.log[0], snakemake.params.device):
    inputs, experiment = snakemake.input, Experiment.of_job(snakemake.wildcards, snakemake.params)
    if hasattr(inputs, "beton"):
        from rethinking_backdoors.data import beton

        images, labels = beton.read(inputs.beton)
    else:
        print("loader: tensor, so the poisoned set is read from poison.npz and no .beton file is used")
        images, labels = read_poisoned(inputs.images, inputs.poison)
    train_shard(
        images,
        labels,
        snakemake.output.margins,
        root=experiment.root,
        alpha=int(snakemake.wildcards.alpha) / 100,
        models=tuple(snakemake.params.models),
        training=experiment.training,
        extractor=experiment.extractor(inputs.features),
        device=experiment.device,
    )
