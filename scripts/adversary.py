from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import job, read_npz, write_npz
from rethinking_backdoors.training import networks

with job(snakemake.log[0], snakemake.params.device):
    experiment, inputs = Experiment.of_job(snakemake.wildcards, snakemake.params), snakemake.input
    images, labels = read_npz(inputs.images, "train_image", "train_label").values()
    network = experiment.train_adversary(images, labels, experiment.extractor(inputs.features))
    write_npz(snakemake.output[0], **networks.weights(network))
