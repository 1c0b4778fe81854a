from rethinking_backdoors.detection.scores import detect
from rethinking_backdoors.io import job, read_array, write_manifest, write_npz

with job(snakemake.log[0], snakemake.params.device, snakemake.resources.mem_mb):
    params, path = snakemake.params, snakemake.output.detection
    matrix, manifest = read_array(snakemake.input.weights, mapped=False)
    write_npz(path, **detect(matrix, params.settings, int(manifest["root"]), params.device, overwrite=True))
    facts = {"detector": snakemake.wildcards.detector, "settings": params.settings}
    write_manifest(path, {**facts, "estimator": manifest["estimator"], "m": manifest["m"], "root": manifest["root"]})
