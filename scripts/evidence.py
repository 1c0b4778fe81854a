from collections.abc import Iterator
from itertools import product

import numpy as np

from rethinking_backdoors.io import job, read_array, read_npz, write_text
from rethinking_backdoors.verification.evidence import numbers


def lines(params, inputs) -> Iterator[str]:
    """One line a number; every list of files is ordered by subset fraction, seed and rule."""
    yield "table,experiment,row,column,seed,value"
    detections = iter(inputs.detection)
    for i, (percent, seed) in enumerate(product(params.percents, params.seeds)):
        found = [read_npz(next(detections), "solution")["solution"] for _ in params.rules]
        solutions = [np.flatnonzero(members) for sizes in found for members in sizes]
        suffix = "" if percent == params.percents[0] else f"_alpha{percent}"
        weights, _ = read_array(inputs.weights[i])
        for table, row, column, value in numbers(read_npz(inputs.strength[i]), read_npz(inputs.rivals[i]), weights, solutions):
            yield f"{table},{snakemake.wildcards.e},{row},{column}{suffix},{seed},{value:.6g}"


with job(snakemake.log[0]):
    write_text(snakemake.output[0], "\n".join([*lines(snakemake.params, snakemake.input), ""]))
