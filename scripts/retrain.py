from functools import partial

from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.evaluation import retrain
from rethinking_backdoors.io import job, read_json, read_npz, write_json
from rethinking_backdoors.seeds import root
from rethinking_backdoors.training import features

with job(snakemake.log[0], snakemake.params.device):
    params, inputs, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    represent = {}
    if inputs.features:
        represent = {"represent": partial(features.extract, extractor=features.load(inputs.features, params.features))}
    # "none" removes nothing and has no file.
    removed = {name: read_json(path)["removed"] for name, path in zip(params.defenses[1:], inputs.defenses, strict=True)}
    measured = retrain(
        read_poisoned(inputs.images, inputs.poison),
        tuple(read_npz(inputs.images, "test_image", "test_label").values()),
        {"none": [], **removed},
        attack=params.attack,
        root=root(wildcards.dataset, int(wildcards.experiment), int(wildcards.seed)),
        models=params.models,
        training=params.training,
        device=params.device,
        **represent,
    )
    for name, path in zip(params.defenses, snakemake.output, strict=True):
        write_json(path, {**measured[name], "models": params.models, "recipe": params.training})
