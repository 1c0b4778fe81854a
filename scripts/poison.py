from functools import partial

from rethinking_backdoors.attacks.poisoning import poison
from rethinking_backdoors.io import job, read_npz, write_json, write_npz
from rethinking_backdoors.seeds import generator, root

with job(snakemake.log[0], snakemake.params.device):
    params, inputs, output = snakemake.params, snakemake.input, snakemake.output
    for i, seed in enumerate(params.seeds):
        images, labels = read_npz(inputs.images[i], "train_image", "train_label").values()
        perturb = None
        if params.ascent is not None:
            # torch takes seconds to import: only the adversarial attack needs it.
            from rethinking_backdoors.attacks import adversarial
            from rethinking_backdoors.training import features, networks

            shape, classes = images.shape[1:], int(labels.max()) + 1
            extractor = features.load(inputs.features[i], params.features) if inputs.features else None
            network = networks.restore(params.network, shape, classes, read_npz(inputs.adversary[i]), extractor)
            perturb = partial(adversarial.perturb, network=network, device=params.device, **params.ascent)
        rng = generator(root(params.dataset, int(snakemake.wildcards.e), seed), "poison")
        made = poison(images, labels, **params.attack, rng=rng, perturb=perturb)
        write_npz(output.poison[i], index=made.index, image=made.image, label=made.label)
        truth = {"true_label": made.true_label.tolist(), "variant": made.variant.tolist()}
        write_json(output.attack[i], {**params.attack, "seed": seed, **truth})
