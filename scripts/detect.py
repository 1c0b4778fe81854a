from rethinking_backdoors.detection.scores import detect
from rethinking_backdoors.io import job, read_array, write_manifest, write_npz

with job(snakemake.log[0], snakemake.params.device):
    for weights, path in zip(snakemake.input.weights, snakemake.output.detection, strict=True):
        matrix, manifest = read_array(weights)
        write_npz(path, **detect(matrix, snakemake.params.rule, int(manifest["root"]), snakemake.params.device))
        facts = {"rule": snakemake.wildcards.rule, "settings": snakemake.params.rule}
        write_manifest(path, {**facts, "estimator": manifest["estimator"], "m": manifest["m"], "root": manifest["root"]})
