"""rethinking-backdoors strength: how strong a feature is whose examples are known."""

import csv
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from rethinking_backdoors.cli.arrays import load_array
from rethinking_backdoors.cli.common import Orientation, one_sentence, read_weights
from rethinking_backdoors.cli.outputs import Force, check_outputs
from rethinking_backdoors.detection.objective import objective
from rethinking_backdoors.errors import InputError, reading
from rethinking_backdoors.io import write_text
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.strength import estimate, estimates

RANDOM_SETS = 200


def strength(
    weights: Annotated[Path, typer.Argument(help="the weight matrix, .npy, or .pt of the public datamodels code")],
    support: Annotated[
        Path, typer.Option(help="the feature's examples: indices from 0, one a line; .npy; or the flagged ones of a scores.csv")
    ],
    orientation: Annotated[Orientation | None, typer.Option(help="needed where the file does not say it")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV file for every example's estimate")] = None,
    seed: Annotated[int, typer.Option(help="draws the random sets to compare with")] = 0,
    force: Force = False,
) -> None:
    """Estimates a feature's strength from a weight matrix (Lemma 1), beside random sets of the same size.

    Strength is in units of the margin: by how much one more training example with the feature raises the margin of those that
    have it. Each example's effect on itself is left out of the estimates.

    Example: rethinking-backdoors strength W.npy --orientation train-rows --support suspects.txt --out estimates.csv
    """
    with one_sentence():
        if out is not None and out.suffix != ".csv":
            raise InputError(f"--out {out}: give a name that ends in .csv.")
        check_outputs([out], [weights, support], force)
        matrix = read_weights(weights, orientation)
        n = len(matrix)
        chosen = read_support(support, n)
        each = estimate(matrix, chosen, self_influence=False)
        rng = generator(seed, "random sets", len(chosen))
        drawn = [rng.choice(n, len(chosen), replace=False) for _ in range(RANDOM_SETS)]
        of_drawn = estimates(matrix, drawn, self_influence=False)
        random = np.array([row[members].mean() for row, members in zip(of_drawn, drawn, strict=True)])
        print(f"{len(chosen)} of {n} examples; units of the margin")
        print(f"strength (eq. 5)             {each[chosen].mean():+.6g}")
        print(f"of {RANDOM_SETS} random sets           {random.mean():+.6g}, standard deviation {random.std(ddof=1):.2g}")
        print(f"largest of them              {random.max():+.6g}")
        print(f"objective (eq. 7)            {objective(matrix, chosen):+.6g}, self-influence included")
        if out is not None:
            inside = np.isin(np.arange(n), chosen).astype(int)
            rows = [f"{i},{value:.8g},{member}" for i, (value, member) in enumerate(zip(each, inside, strict=True))]
            write_text(out, "\n".join(["index,estimate,in_support", *rows]) + "\n")
            print(f"every example's estimate     {out}")


def read_support(path: Path, n: int) -> np.ndarray:
    """Distinct indices below n, neither none nor all.

    From a text file with one index a line and comments after #; a .npy file of indices, or of n bools; or a .csv file with the
    columns index and flagged, as detect and scan write it.
    """
    chosen = np.sort(_indices(path, n))
    if len(np.unique(chosen)) < len(chosen):
        raise InputError(f"{path} names an example twice.")
    if not 0 < len(chosen) < n or chosen[-1] >= n or chosen[0] < 0:
        raise InputError(f"{path} must name at least one and not all of the {n} examples, by indices from 0 to {n - 1}.")
    return chosen


def _indices(path: Path, n: int) -> np.ndarray:
    if path.suffix == ".npy":
        array = load_array(path)
        if array.ndim != 1 or array.dtype.kind not in "biu" or (array.dtype == bool and len(array) != n):
            raise InputError(f"{path} holds {array.dtype} {array.shape}: indices, or {n} bools, are needed.")
        return np.flatnonzero(array) if array.dtype == bool else np.asarray(array, dtype=np.int64)
    with reading(path, "text file with one index a line"):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    if path.suffix == ".csv":
        lines = _flagged(path, lines)
    words = [word for line in lines for word in line.split("#")[0].split()]
    if not all(word.isdecimal() and len(word) < 19 for word in words):
        wrong = next(word for word in words if not (word.isdecimal() and len(word) < 19))
        raise InputError(f"{path} holds something that is not an index from 0: {wrong[:40]}.")
    return np.array([int(word) for word in words], dtype=np.int64)


def _flagged(path: Path, lines: list[str]) -> list[str]:
    """The indices of a table's lines that are flagged."""
    rows = list(csv.DictReader(lines))
    if not rows or not {"index", "flagged"} <= set(rows[0]):
        raise InputError(f"{path} lacks the columns index and flagged: give a table of detect or scan, or one index a line.")
    return [row["index"] or "" for row in rows if row["flagged"] == "1"]
