from rethinking_backdoors.evaluation.yardsticks import yardsticks
from rethinking_backdoors.experiment import asked
from rethinking_backdoors.io import job, read_npz, write_json, write_npz
from rethinking_backdoors.margins.arrays import Margins, moments
from rethinking_backdoors.margins.shards import open_shards
from rethinking_backdoors.seeds import generator

with job(snakemake.log[0]):
    inputs, output, share = snakemake.input, snakemake.output, snakemake.params.share
    shards, common = open_shards(inputs.margins, asked(snakemake.wildcards))
    _, deviation = moments(Margins(shards))
    poison, root = read_npz(inputs.poison, "index")["index"], int(common["root"])
    made = yardsticks(poison, deviation, share, generator(root, "random removal"), root)
    for (name, (removed, score)), path, scores in zip(made.items(), output.removed, output.score, strict=True):
        told = {"poisoned": len(poison)} if name == "true" else {}
        write_json(path, {"removed": removed.tolist(), "settings": {"share": share}, "oracle": told, "seconds": 0.0})
        write_npz(scores, score=score if score is not None else [])
