import pandas as pd

from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_text
from rethinking_backdoors.studies.price import grid

with job(snakemake.log[0]):
    experiment = Experiment.of_job(snakemake.wildcards, snakemake.params)
    inputs = snakemake.input
    data, poison = Labelled(*read_poisoned(inputs.images, inputs.poison)), read_npz(inputs.poison, "index")["index"]
    start = {"experiment": experiment.number, "seed": experiment.seed}
    rows = [start | row for row in grid(data, poison, experiment.root)]
    write_text(snakemake.output[0], pd.DataFrame(rows).to_csv(index=False))
