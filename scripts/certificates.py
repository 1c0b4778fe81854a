import pandas as pd

from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.evaluation.retraining import with_trigger
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_text
from rethinking_backdoors.studies.certifying import certified

with job(snakemake.log[0]):
    params, inputs = snakemake.params, snakemake.input
    experiment = Experiment.of_job(snakemake.wildcards, params)
    represent = experiment.represent(inputs.features)
    images, labels = read_poisoned(inputs.images, inputs.poison)
    test, truth = read_npz(inputs.images, "test_image", "test_label").values()
    shown = represent(test), represent(with_trigger(test, experiment.shown(inputs.poison))), truth
    rows = certified(
        (represent(images), labels),
        shown,
        attack=experiment.shown(inputs.poison),
        training=experiment.training,
        root=experiment.root,
    )
    start = {"experiment": experiment.number, "seed": experiment.seed}
    write_text(snakemake.output[0], pd.DataFrame([start | row for row in rows]).to_csv(index=False))
