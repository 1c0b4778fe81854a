from dataclasses import replace

import numpy as np
import pandas as pd

from rethinking_backdoors.attacks.poisoning import poisoned_set
from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_text
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.studies.scanned import strange
from rethinking_backdoors.studies.trusting import trusted

POISONED = 20

with job(snakemake.log[0]):
    experiment = Experiment.of_job(snakemake.wildcards, snakemake.params)
    arrays = read_npz(snakemake.input.images)
    images = np.concatenate([arrays["train_image"], arrays["test_image"]])
    labels = np.concatenate([arrays["train_label"], arrays["test_label"]])
    order, half = generator(experiment.root, "trusted").permutation(len(labels)), len(arrays["train_label"]) // 2
    mine, rest = np.sort(order[:half]), np.sort(order[half:])
    data = Labelled(images[mine], labels[mine])
    odd = strange(data, generator(experiment.root, "strange sets"))
    sets = {"nobody attacked": (data, None)}
    sets |= {name: (odd[name], None) for name in ("one label in twenty at random", "a natural subgroup")}
    for number, attack in snakemake.params.attacks.items():
        attack = {**attack, "count": POISONED}
        made = replace(experiment, number=number, attack=attack).poison(data.values, data.labels, None)
        values = Labelled(*poisoned_set(data.values, data.labels, made.index, made.image, made.label))
        sets[f"experiment {number}"] = values, int(attack["target_class"])
    rows = trusted(sets, Labelled(images[rest], labels[rest]), experiment.root)
    start = {"experiment": 0, "seed": experiment.seed}
    write_text(snakemake.output[0], pd.DataFrame([start | row for row in rows]).to_csv(index=False))
