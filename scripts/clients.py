import pandas as pd

from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.evaluation.retraining import with_trigger
from rethinking_backdoors.evaluation.tables import truth
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_text
from rethinking_backdoors.studies.federating import found_clients

with job(snakemake.log[0]):
    params, inputs = snakemake.params, snakemake.input
    experiment = Experiment.of_job(snakemake.wildcards, params)
    represent = experiment.represent(inputs.features)
    images, labels = read_poisoned(inputs.images, inputs.poison)
    poisoned, _ = truth(inputs.poison, inputs.images, experiment.attack["target_class"]).values()
    test, known = read_npz(inputs.images, "test_image", "test_label").values()
    shown = represent(test), represent(with_trigger(test, experiment.attack)), known
    asked = {"attack": experiment.attack, "training": experiment.training, "root": experiment.root}
    asked |= {"detectors": params.detectors, "removed": params.removed}
    start = {"experiment": experiment.number, "seed": experiment.seed}
    rows = [start | row for row in found_clients((represent(images), labels), poisoned, shown, **asked)]
    write_text(snakemake.output[0], pd.DataFrame(rows).to_csv(index=False))
