from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.evaluation.retraining import retrain
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_json, read_npz, write_json

with job(snakemake.log[0], snakemake.params.device):
    params, inputs = snakemake.params, snakemake.input
    experiment = Experiment.of_job(snakemake.wildcards, params)
    # "none" removes nothing and has no file.
    removed = {name: read_json(path)["removed"] for name, path in zip(params.defenses[1:], inputs.defenses, strict=True)}
    measured = retrain(
        read_poisoned(inputs.images, inputs.poison),
        tuple(read_npz(inputs.images, "test_image", "test_label").values()),
        {"none": [], **removed},
        attack=experiment.shown(inputs.poison),
        root=experiment.root,
        models=params.models,
        training=experiment.training,
        device=experiment.device,
        represent=experiment.represent(inputs.features),
    )
    for name, path in zip(params.defenses, snakemake.output, strict=True):
        write_json(path, {**measured[name], "models": params.models, "recipe": experiment.training})
