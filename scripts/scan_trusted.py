from dataclasses import replace

import numpy as np
import pandas as pd

from rethinking_backdoors.attacks.poisoning import poisoned_set
from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_text
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.studies.trusting import trusted, unattacked

POISONED = 20

with job(snakemake.log[0]):
    experiment = Experiment.of_job(snakemake.wildcards, snakemake.params)
    names = ("train_image", "train_label", "test_image", "test_label")
    train, train_label, test, test_label = read_npz(snakemake.input.images, *names).values()
    images, labels = np.concatenate([train, test]), np.concatenate([train_label, test_label])
    order, half = generator(experiment.root, "trusted").permutation(len(labels)), len(train_label) // 2
    data, rest = (Labelled(images[part], labels[part]) for part in (np.sort(order[:half]), np.sort(order[half:])))
    sets = unattacked(data, experiment.root)
    for number, attack in snakemake.params.attacks.items():
        made = replace(experiment, number=number, attack={**attack, "count": POISONED}).poison(data.values, data.labels, None)
        values = Labelled(*poisoned_set(data.values, data.labels, made.arrays()))
        sets[f"experiment {number}"] = values, int(attack["target_class"])
    rows = [{"experiment": 0, "seed": experiment.seed} | row for row in trusted(sets, rest, experiment.root)]
    write_text(snakemake.output[0], pd.DataFrame(rows).to_csv(index=False))
