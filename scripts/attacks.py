import pandas as pd

from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.evaluation.metrics import visibility
from rethinking_backdoors.evaluation.retraining import retrain
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_text

with job(snakemake.log[0], snakemake.params.device):
    params, inputs = snakemake.params, snakemake.input
    experiment = Experiment.of_job(snakemake.wildcards, params)
    measured = retrain(
        read_poisoned(inputs.images, inputs.poison),
        tuple(read_npz(inputs.images, "test_image", "test_label").values()),
        {"none": []},
        attack=experiment.attack,
        root=experiment.root,
        models=params.models,
        training=experiment.training,
        device=experiment.device,
        represent=experiment.represent(inputs.features),
    )
    row = {"experiment": experiment.number, "seed": experiment.seed, "row": "none", **measured["none"]}
    made = read_npz(inputs.poison, "index", "image")
    if len(made["index"]):
        row |= visibility(read_npz(inputs.images, "train_image")["train_image"][made["index"]], made["image"])
    write_text(snakemake.output[0], pd.DataFrame([row]).to_csv(index=False))
