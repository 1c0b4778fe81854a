from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.io import job, write_npz
from rethinking_backdoors.seeds import root
from rethinking_backdoors.training import features
from rethinking_backdoors.training.learner import representations

with job(snakemake.log[0], snakemake.params.device):
    params, inputs, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    for i, experiment in enumerate(params.experiments):
        examples, labels = read_poisoned(inputs.images, inputs.poison[i])
        if inputs.features:
            examples = features.extract(examples, features.load(inputs.features, params.features))
        own = root(wildcards.dataset, experiment, int(wildcards.seed))
        made = representations(examples, labels, root=own, training=params.training[i], device=params.device)
        write_npz(snakemake.output[i], representations=made)
