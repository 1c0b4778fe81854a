"""rethinking-backdoors strength: how strong a feature is whose examples are known."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from rethinking_backdoors.cli.common import Orientation, one_sentence, read_weights
from rethinking_backdoors.cli.outputs import Force, check_outputs
from rethinking_backdoors.detection.objective import objective
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import write_text
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.strength import estimate, estimates

RANDOM_SETS = 200


def strength(
    weights: Annotated[Path, typer.Argument(help="the weight matrix, .npy, or .pt of the public datamodels code")],
    support: Annotated[Path, typer.Option(help="text file with the indices of the feature's examples, from 0, one a line")],
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
    """Distinct indices below n from a text file; neither none nor all."""
    try:
        words = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} cannot be read: give a text file with one index a line.") from None
    if not all(word.isdecimal() for word in words):
        raise InputError(f"{path} holds something that is not an index from 0: {next(w for w in words if not w.isdecimal())}.")
    chosen = np.unique(np.array([int(word) for word in words], dtype=np.int64))
    if len(chosen) < len(words):
        raise InputError(f"{path} names an example twice.")
    if not 0 < len(chosen) < n or chosen[-1] >= n:
        raise InputError(f"{path} must name at least one and not all of the {n} examples, by indices from 0 to {n - 1}.")
    return chosen
