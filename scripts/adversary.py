from rethinking_backdoors.attacks.adversarial import train_robust
from rethinking_backdoors.io import job, read_npz, write_npz
from rethinking_backdoors.seeds import generator, root
from rethinking_backdoors.training import networks

with job(snakemake.log[0]):
    params = snakemake.params
    for seed, path, output in zip(params.seeds, snakemake.input.images, snakemake.output, strict=True):
        images, labels = read_npz(path, "train_image", "train_label").values()
        rng = generator(root(params.dataset, 0, seed), "adversary")
        network = networks.build(params.network, images.shape[1:], int(labels.max()) + 1, rng)
        robust = train_robust(network, images, labels, **params.training, rng=rng, device=params.device)
        write_npz(output, **networks.weights(robust))
