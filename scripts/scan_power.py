from dataclasses import replace

import pandas as pd

from rethinking_backdoors.attacks.poisoning import poisoned_set
from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_text
from rethinking_backdoors.studies.scanned import power

with job(snakemake.log[0]):
    experiment = Experiment.of_job(snakemake.wildcards, snakemake.params)
    images, labels = read_npz(snakemake.input.images, "train_image", "train_label").values()

    def poisoned(count):
        made = replace(experiment, attack={**experiment.attack, "count": count}).poison(images, labels, None)
        return Labelled(*poisoned_set(images, labels, made.arrays())), made.index

    start = {"experiment": experiment.number, "seed": experiment.seed}
    rows = pd.DataFrame([start | row for row in power(poisoned, experiment.root)])
    write_text(snakemake.output[0], rows.to_csv(index=False))
