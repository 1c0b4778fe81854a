"""The control of every detection: cross-fitting, beside the same on datamodels that hold no information on who moves whom."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numba
import numpy as np

from rethinking_backdoors.datamodels import halves_of
from rethinking_backdoors.detection.pairs import Pairs, pair_sums, value
from rethinking_backdoors.detection.scores import kept_restarts, searched, solve
from rethinking_backdoors.detection.search import Solutions
from rethinking_backdoors.margins.arrays import Margins, Masks, mask_rows
from rethinking_backdoors.seeds import generator


def cross_fitted(
    masks: Masks,
    margins: np.ndarray | Sequence[np.ndarray] | Margins,
    estimator: Callable[[Masks, Margins], np.ndarray],
    detectors: dict[str, dict[str, Any]],
    permutations: int,
    root: int,
    device: str = "cpu",
) -> dict[str, dict[str, np.ndarray]]:
    """Sets found on one half of the models and judged on the other, in either direction; and the same without information.

    A search maximises over the noise of W, so that what it finds looks strong there whatever it is. On datamodels of other models
    that noise is drawn anew. The score of an example is what it adds to eq. 7, there, in the solutions that it belongs to.
    Permuted are the rows of the masks, so that no model's margins belong to its subset: the sign of the judging noise is then as
    likely as its opposite, and a direction has an AUROC of 50 on average. The two are to be judged apart: in their sum what
    noise made loud in one direction only counts as low, and the average is below 50.

    Args:
        masks: (m, n) bool or packed. margins: (m, n) or shards of it, of the same models.
        estimator: maps masks and margins to W (n, n) float32, a new array.
        detectors: settings by name, see ``detect``. device: see ``detect``.

    Returns:
        For each detector ``score`` (2, n), of the sets found on the even and of those found on the odd models; ``permuted``
        (permutations, 2, n), the same without information; ``found`` (2, K, n) bool, the best of these sets of each size.

    Memory: that of ``estimator`` and a matrix W + W' beside it; one in float16 is put aside into a temporary file.
    """

    def both_ways(masks: Masks, folder: str) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Of each detector its name, the scores (2, n), and the best sets (2, K, n)."""
        solutions: dict[str, list[Solutions]] = {name: [] for name in detectors}
        scores: dict[str, list[np.ndarray]] = {name: [] for name in detectors}
        halves: list[Pairs] = []
        for weights in halves_of(estimator, masks, margins):
            half = pair_sums(weights, out=weights)  # in the place of W
            del weights
            for name, detector in detectors.items():
                solutions[name].append(solve(searched(half, detector), detector, root, device))
            halves.append(half if halves else put_aside(half, folder))
            del half
        for judged in (0, 1):
            pairs = halves.pop()
            for name, detector in detectors.items():
                scores[name].append(contributions(solutions[name][judged], searched(pairs, detector), detector["kept"]))
            del pairs
        for name, found in solutions.items():
            yield name, np.stack(scores[name]), np.stack([either.best(masks.shape[1]) for either in found])

    results: dict[str, dict[str, Any]] = {name: {"permuted": []} for name in detectors}
    with tempfile.TemporaryDirectory() as folder:
        for name, score, found in both_ways(masks, folder):
            results[name] |= {"score": score, "found": found}
        for number in range(permutations):
            order = generator(root, "permuted masks", number).permutation(masks.shape[0])
            for name, score, _ in both_ways(mask_rows(masks, order), folder):
                results[name]["permuted"].append(score)
    shape = (permutations, 2, masks.shape[1])
    return {name: result | {"permuted": np.reshape(result["permuted"], shape)} for name, result in results.items()}


def put_aside(pairs: Pairs, folder: str) -> Pairs:
    """The same with a matrix in float16 in a file, from which rows are read as they are needed; others stay in memory."""
    if pairs.stored.dtype != np.uint16:
        return pairs
    path = Path(folder) / "half.npy"
    np.save(path, pairs.stored)
    return replace(pairs, stored=np.asarray(np.load(path, mmap_mode="c")))


def contributions(solutions: Solutions, pairs: Pairs, kept: float) -> np.ndarray:
    """What each example adds to eq. 7 in the solutions that it belongs to, each over its size as in eq. 8; (n,) float64.

    Args:
        pairs: of the W that judges. kept: see ``frequencies``.
    """
    score = np.zeros(len(pairs.diagonal))
    for size, members, objective in zip(solutions.sizes, solutions.members, solutions.objective, strict=True):
        linear = pairs.linear(int(size))
        for found in members[kept_restarts(objective, kept)]:
            score[found] += (_shared(pairs.stored, found) + linear[found]) / (pairs.scale * size)
    return score


def pair_objective(pairs: Pairs, members: np.ndarray) -> float:
    """The value of eq. 7 for one set of examples (k,), from W + W'; as ``objective``, which needs W."""
    linear = pairs.linear(len(members))[members]
    return float(_shared(pairs.stored, members).sum() / 2 + linear.sum()) / pairs.scale


@numba.njit(cache=True, nogil=True)
def _shared(stored, members):
    """For each member (k,) the sum of its row of S (n, n), as it is stored, over the members; (k,) float64."""
    sums = np.zeros(len(members))
    for a in range(len(members)):
        row = stored[members[a]]
        for b in range(len(members)):
            sums[a] += np.float64(value(row[members[b]]))
    return sums
