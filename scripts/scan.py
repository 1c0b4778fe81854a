import pandas as pd

from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.evaluation.retraining import retrain
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_text
from rethinking_backdoors.studies.scanned import attacked, unattacked

with job(snakemake.log[0]):
    params, inputs = snakemake.params, snakemake.input
    experiment = Experiment.of_job(snakemake.wildcards, params)
    train, poison = read_poisoned(inputs.images, inputs.poison), read_npz(inputs.poison, "index")["index"]
    test = tuple(read_npz(inputs.images, "test_image", "test_label").values())
    own = {
        "attack": experiment.shown(inputs.poison),
        "training": experiment.training,
        "represent": experiment.represent(inputs.features),
    }
    if len(poison):
        measure = lambda removals: retrain(train, test, removals, root=experiment.root, models=params.models, **own)  # noqa: E731
        rows = attacked(Labelled(*train), poison, measure, experiment.root, params.share)
    else:
        rows = unattacked(Labelled(*train), experiment.root)
    start = {"experiment": experiment.number, "seed": experiment.seed}
    write_text(snakemake.output[0], pd.DataFrame([start | row for row in rows]).to_csv(index=False))
