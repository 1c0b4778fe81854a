from rethinking_backdoors.datamodels import weights_of
from rethinking_backdoors.io import job, write_array
from rethinking_backdoors.training.margins import load_with_masks

with job(snakemake.log[0]):
    name, shards = snakemake.params.estimator, len(snakemake.input.margins) // len(snakemake.params.seeds)
    for i, path in enumerate(snakemake.output.weights):
        masks, margins, common = load_with_masks(snakemake.input.margins[i * shards : (i + 1) * shards])
        manifest = {"estimator": name, "m": len(masks), "alpha": common["alpha"], "root": common["root"]}
        write_array(path, weights_of(name)(masks, margins), {**manifest, "orientation": "rows are training examples"})
