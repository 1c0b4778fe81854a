from rethinking_backdoors.attacks.adversarial import train_robust
from rethinking_backdoors.io import job, read_npz, write_npz
from rethinking_backdoors.seeds import generator, root
from rethinking_backdoors.training import features, networks

with job(snakemake.log[0], snakemake.params.device):
    params, inputs = snakemake.params, snakemake.input
    images, labels = read_npz(inputs.images, "train_image", "train_label").values()
    rng = generator(root(snakemake.wildcards.dataset, 0, int(snakemake.wildcards.seed)), "adversary")
    extractor = features.load(inputs.features, params.features) if inputs.features else None
    network = networks.build(params.network, images.shape[1:], int(labels.max()) + 1, rng, extractor)
    robust = train_robust(network, images, labels, **params.training, rng=rng, device=params.device)
    write_npz(snakemake.output[0], **networks.weights(robust))
