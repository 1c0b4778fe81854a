from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, write_npz
from rethinking_backdoors.training.learner import representations

with job(snakemake.log[0], snakemake.params.device):
    params, inputs = snakemake.params, snakemake.input
    for i, number in enumerate(params.experiments):
        experiment = Experiment.of_job(snakemake.wildcards, params, number=number, training=params.training[i])
        examples, labels = read_poisoned(inputs.images, inputs.poison[i])
        examples = experiment.represent(inputs.features)(examples)
        common = {"root": experiment.root, "training": experiment.training, "device": experiment.device}
        write_npz(snakemake.output[i], representations=representations(examples, labels, **common))
