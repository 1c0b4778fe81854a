import pandas as pd

from rethinking_backdoors.attacks.poisoning import poisoned_set
from rethinking_backdoors.evaluation.metrics import visibility
from rethinking_backdoors.evaluation.retraining import retrain
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_text

with job(snakemake.log[0], snakemake.params.device):
    params, inputs = snakemake.params, snakemake.input
    experiment = Experiment.of_job(snakemake.wildcards, params)
    images, labels, *test = read_npz(inputs.images, "train_image", "train_label", "test_image", "test_label").values()
    made = read_npz(inputs.poison)
    sets = {"none": poisoned_set(images, labels, made)}
    if len(made["index"]):  # beside it: what the trigger does where nobody poisoned
        sets["unpoisoned"] = images, labels
    own = {
        "attack": experiment.shown(inputs.poison),
        "root": experiment.root,
        "training": experiment.training,
        "device": experiment.device,
    }
    own |= {"models": params.models, "represent": experiment.represent(inputs.features)}
    rows = []
    for name, train in sets.items():
        measured = retrain(train, tuple(test), {"none": []}, **own)["none"]
        rows.append({"experiment": experiment.number, "seed": experiment.seed, "row": name, **measured})
    if len(made["index"]):
        rows[0] |= visibility(images[made["index"]], made["image"])
    write_text(snakemake.output[0], pd.DataFrame(rows).to_csv(index=False))
