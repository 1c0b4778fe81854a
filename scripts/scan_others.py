import pandas as pd

from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_text
from rethinking_backdoors.studies.flagged import by_others

with job(snakemake.log[0]):
    experiment = Experiment.of_job(snakemake.wildcards, snakemake.params)
    inputs = snakemake.input
    data, poison = Labelled(*read_poisoned(inputs.images, inputs.poison)), read_npz(inputs.poison, "index")["index"]
    rows = by_others(data, poison, experiment.training, experiment.represent(inputs.features), experiment.root)
    start = {"experiment": experiment.number, "seed": experiment.seed}
    write_text(snakemake.output[0], pd.DataFrame([start | row for row in rows]).to_csv(index=False))
