import numpy as np

from rethinking_backdoors.detection.scores import detect
from rethinking_backdoors.io import job, read_array, write_manifest, write_npz

with job(snakemake.log[0], snakemake.params.device, snakemake.resources.mem_mb):
    params, path = snakemake.params, snakemake.output.detection
    matrix, manifest = read_array(snakemake.input.weights)
    storage = matrix.dtype.name
    if storage == "float16":  # there is room for one such matrix
        matrix = np.array(matrix)
    found = detect(matrix, params.settings, int(manifest["root"]), params.device, storage=storage, in_place=storage == "float16")
    write_npz(path, **found)
    facts = {"detector": snakemake.wildcards.detector, "settings": params.settings}
    write_manifest(path, {**facts, "estimator": manifest["estimator"], "m": manifest["m"], "root": manifest["root"]})
