import numpy as np

from rethinking_backdoors.datamodels import halves_of, weights_of
from rethinking_backdoors.experiment import asked
from rethinking_backdoors.io import job, read_array, read_npz, write_text
from rethinking_backdoors.margins.shards import open_with_masks
from rethinking_backdoors.reporting.verification.evidence import numbers, objective_of_poison

with job(snakemake.log[0], snakemake.params.device, snakemake.resources.mem_mb):
    inputs, params, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
    strength = read_npz(inputs.strength)
    values = [*numbers(strength, read_npz(inputs.rivals), read_array(inputs.weights)[0])]
    if inputs.control:  # where detection looks
        masks, margins, _ = open_with_masks(inputs.margins, asked(snakemake.wildcards))
        found = np.concatenate([read_npz(path, "found")["found"] for path in inputs.control], axis=1)
        halves = halves_of(weights_of(params.estimator, params.device, params.storage), masks, margins)
        share = objective_of_poison(halves, np.flatnonzero(strength["poisoned"]), found)
        values.append(("lemma2", "poisoned", "objective_percent", share))
    lines = [
        f"{t},{wildcards.experiment},{row},{column}{params.suffix},{wildcards.seed},{value:.6g}"
        for t, row, column, value in values
    ]
    write_text(snakemake.output[0], "\n".join(["table,experiment,row,column,seed,value", *lines, ""]))
