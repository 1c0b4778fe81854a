from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.datamodels import weights_of
from rethinking_backdoors.evaluation.rivals import rivals
from rethinking_backdoors.experiment import asked
from rethinking_backdoors.io import job, read_npz, write_npz
from rethinking_backdoors.margins.shards import open_with_masks
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.strength import summarize

with job(snakemake.log[0], snakemake.params.device, snakemake.resources.mem_mb):
    inputs, output = snakemake.input, snakemake.output
    masks, margins, common = open_with_masks(inputs.margins, asked(snakemake.wildcards))
    estimator = weights_of(snakemake.params.estimator, snakemake.params.device, snakemake.params.storage)
    support = read_npz(inputs.poison, "index")["index"]
    rng = generator(int(common["root"]), "shown examples")
    write_npz(output.strength, **summarize(masks, margins, support, estimator, rng))
    _, labels = read_poisoned(inputs.images, inputs.poison)
    rng = generator(int(common["root"]), "natural features")
    write_npz(output.rivals, **rivals(masks, margins, support, labels, rng))
