"""The control of every detection: cross-fitting, beside the same on datamodels that hold no information on who moves whom."""

from collections.abc import Callable, Iterator, Sequence
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

    Memory: a matrix W more than that of ``estimator``, then two W + W' and that of the search.
    """

    def both_ways(masks: Masks) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Of each detector its name, the scores (2, n), and the best sets (2, K, n)."""
        # W + W' takes the place of W.
        halves = [pair_sums(weights, out=weights) for weights in halves_of(estimator, masks, margins)]
        for name, detector in detectors.items():
            pairs = [searched(half, detector) for half in halves]
            solutions = [solve(half, detector, root, device) for half in pairs]
            crossed = zip(solutions, reversed(pairs), strict=True)
            score = np.stack([contributions(found, other, detector["kept"]) for found, other in crossed])
            yield name, score, np.stack([found.best(masks.shape[1]) for found in solutions])

    results: dict[str, dict[str, Any]] = {name: {"permuted": []} for name in detectors}
    for name, score, found in both_ways(masks):
        results[name] |= {"score": score, "found": found}
    for number in range(permutations):
        order = generator(root, "permuted masks", number).permutation(masks.shape[0])
        for name, score, _ in both_ways(mask_rows(masks, order)):
            results[name]["permuted"].append(score)
    shape = (permutations, 2, masks.shape[1])
    return {name: result | {"permuted": np.reshape(result["permuted"], shape)} for name, result in results.items()}


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


@numba.njit(cache=True, nogil=True)
def _shared(stored, members):
    """For each member (k,) the sum of its row of S (n, n), as it is stored, over the members; (k,) float64."""
    sums = np.zeros(len(members))
    for a in range(len(members)):
        row = stored[members[a]]
        for b in range(len(members)):
            sums[a] += np.float64(value(row[members[b]]))
    return sums
