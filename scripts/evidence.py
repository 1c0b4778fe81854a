import numpy as np

from rethinking_backdoors.io import job, read_array, read_npz, write_text
from rethinking_backdoors.reporting.verification.evidence import numbers

with job(snakemake.log[0]):
    inputs, suffix, wildcards = snakemake.input, snakemake.params.suffix, snakemake.wildcards
    found = [read_npz(path, "solution")["solution"] for path in inputs.detection]
    solutions = [np.flatnonzero(members) for sizes in found for members in sizes]
    lines = ["table,experiment,row,column,seed,value"]
    values = numbers(read_npz(inputs.strength), read_npz(inputs.rivals), read_array(inputs.weights)[0], solutions)
    for table, row, column, value in values:
        lines.append(f"{table},{wildcards.experiment},{row},{column}{suffix},{wildcards.seed},{value:.6g}")
    write_text(snakemake.output[0], "\n".join([*lines, ""]))
