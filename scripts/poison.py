from pathlib import Path

from rethinking_backdoors.attacks.poisoning import write_poison
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz

with job(snakemake.log[0], snakemake.params.device):
    experiment, inputs = Experiment.of_job(snakemake.wildcards, snakemake.params), snakemake.input
    clean = images, labels = tuple(read_npz(inputs.images, "train_image", "train_label").values())

    def adversary():
        return experiment.restore_adversary(*clean, read_npz(inputs.adversary), experiment.extractor(inputs.features))

    made = experiment.poison(images, labels, adversary)
    write_poison(Path(snakemake.output.poison).parent, made, experiment.attack, experiment.seed)
