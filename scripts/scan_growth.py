from dataclasses import replace

import pandas as pd

from rethinking_backdoors.attacks.poisoning import poisoned_set
from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, write_text
from rethinking_backdoors.studies.price import growth

SIZES = [1250, 2500, 5000, 10_000, 20_000]

with job(snakemake.log[0]):
    experiment = Experiment.of_job(snakemake.wildcards, snakemake.params)
    share = experiment.attack["count"] / experiment.images["train"]

    def poisoned(n):
        count = {**experiment.attack, "count": round(share * n)}
        made = replace(experiment, images={**experiment.images, "train": n}, attack=count)
        arrays, _ = made.draw()
        images, labels = arrays["train_image"], arrays["train_label"]
        found = made.poison(images, labels, None)
        return Labelled(*poisoned_set(images, labels, found.arrays())), found.index

    start = {"experiment": experiment.number, "seed": experiment.seed}
    rows = [start | row for row in growth(poisoned, SIZES, experiment.root)]
    write_text(snakemake.output[0], pd.DataFrame(rows).to_csv(index=False))
