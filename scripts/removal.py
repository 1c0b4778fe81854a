import numpy as np
import pandas as pd

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import job, read_json, read_npz, write_text

SUFFERED = ["clean_accuracy", "target_class_accuracy", "worst_class_accuracy", "hardest_tenth_accuracy"]

with job(snakemake.log[0]):
    inputs, found = snakemake.input, snakemake.wildcards
    poison = read_npz(inputs.poison, "index")["index"]
    removed = [[], *(read_json(path)["removed"] for path in inputs.removed)]
    rows = []
    for defense, path, gone in zip(snakemake.params.defenses, inputs.retrained, removed, strict=True):
        measured = read_json(path)
        if lacking := [name for name in SUFFERED if name not in measured]:
            raise InputError(f"{path} was made by an earlier version and lacks {lacking[0]}: delete it, and run again.")
        row = {"experiment": found.experiment, "seed": found.seed, "row": defense}
        row["clean_removed"] = len(np.setdiff1d(gone, poison))
        rows.append(row | {name: measured[name] for name in SUFFERED})
    write_text(snakemake.output[0], pd.DataFrame(rows).to_csv(index=False))
