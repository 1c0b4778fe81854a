from functools import partial
from pathlib import Path

from rethinking_backdoors.attacks.poisoning import poison, write_poison
from rethinking_backdoors.io import job, read_npz
from rethinking_backdoors.seeds import generator, root

with job(snakemake.log[0], snakemake.params.device):
    params, inputs, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    images, labels = read_npz(inputs.images, "train_image", "train_label").values()
    perturb = None
    if params.ascent is not None:
        # torch takes seconds to import: only the adversarial attack needs it.
        from rethinking_backdoors.attacks import adversarial
        from rethinking_backdoors.training import features, networks

        shape, classes = images.shape[1:], int(labels.max()) + 1
        extractor = features.load(inputs.features, params.features) if inputs.features else None
        network = networks.restore(params.network, shape, classes, read_npz(inputs.adversary), extractor)
        perturb = partial(adversarial.perturb, network=network, device=params.device, **params.ascent)
    rng = generator(root(wildcards.dataset, int(wildcards.experiment), int(wildcards.seed)), "poison")
    made = poison(images, labels, **params.attack, rng=rng, perturb=perturb)
    write_poison(Path(snakemake.output.poison).parent, made, params.attack, int(wildcards.seed))
