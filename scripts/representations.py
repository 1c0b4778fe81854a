from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.io import job, write_npz
from rethinking_backdoors.seeds import root
from rethinking_backdoors.training import features
from rethinking_backdoors.training.learner import representations

with job(snakemake.log[0], snakemake.params.device):
    params, inputs = snakemake.params, snakemake.input
    for i, seed in enumerate(params.seeds):
        examples, labels = read_poisoned(inputs.images[i], inputs.poison[i])
        if inputs.features:
            examples = features.extract(examples, features.load(inputs.features[i], params.features))
        own = root(params.dataset, int(snakemake.wildcards.e), seed)
        made = representations(examples, labels, root=own, training=params.training, device=params.device)
        write_npz(snakemake.output[i], representations=made)
