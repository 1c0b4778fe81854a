from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.datamodels import weights_of
from rethinking_backdoors.io import job, read_npz, write_npz
from rethinking_backdoors.natural import rivals
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.strength import summarize
from rethinking_backdoors.training.margins import open_with_masks

with job(snakemake.log[0], snakemake.params.device):
    estimator = weights_of(snakemake.params.estimator, snakemake.params.device)
    shards = len(snakemake.input.margins) // len(snakemake.params.seeds)
    for i, path in enumerate(snakemake.output.strength):
        masks, margins, common = open_with_masks(snakemake.input.margins[i * shards : (i + 1) * shards])
        support = read_npz(snakemake.input.poison[i], "index")["index"]
        rng = generator(int(common["root"]), "shown examples")
        write_npz(path, **summarize(masks, margins, support, estimator, rng))
        _, labels = read_poisoned(snakemake.input.images[i], snakemake.input.poison[i])
        rng = generator(int(common["root"]), "natural features")
        write_npz(snakemake.output.rivals[i], **rivals(masks, margins, support, labels, rng))
