"""Random subsets of exact size: model i's subset depends on (root, alpha, i) alone, so masks never need to be stored."""

from collections.abc import Iterable

import numpy as np

from rethinking_backdoors.seeds import generator


def percent(alpha: float) -> int:
    """The subset fraction as a whole number of percent, as it stands in file names and stream keys."""
    return round(100 * alpha)


def subset(root: int, alpha: float, index: int, n: int) -> np.ndarray:
    """The training subset of model ``index``: floor(alpha n) of the n examples, uniform, without replacement.

    Returns:
        (floor(alpha n),) int64, sorted. Source: section 5 of the paper; the exact size as its proofs assume (appendix B).
    """
    size = percent(alpha) * n // 100
    return np.sort(generator(root, "subset", percent(alpha), index).permutation(n)[:size])


def masks(root: int, alpha: float, indices: Iterable[int], n: int) -> np.ndarray:
    """The subsets of several models as indicator rows, (models, n) bool."""
    indices = list(indices)
    rows = np.zeros((len(indices), n), dtype=bool)
    for row, index in zip(rows, indices, strict=True):
        row[subset(root, alpha, index, n)] = True
    return rows
