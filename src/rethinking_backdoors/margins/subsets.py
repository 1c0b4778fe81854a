"""Random subsets of exact size: model i's subset depends on (root, design, i) alone, so masks never need to be stored."""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.seeds import generator


def percent(alpha: float) -> int | str:
    """The subset fraction in percent, as it stands in file names and stream keys: 50, or "0.5" where it is no whole number."""
    written = f"{100 * alpha:.10g}"
    return int(written) if written.isdecimal() else written


def size_of(alpha: float, n: int) -> int:
    """floor(alpha n), exactly: of the decimal fraction that alpha was written as, not of its nearest binary one."""
    return Fraction(str(percent(alpha))) * n // 100


def subset(root: int, alpha: float, index: int, n: int) -> np.ndarray:
    """The training subset of model ``index``: floor(alpha n) of the n examples, uniform, without replacement.

    Returns:
        (floor(alpha n),) int64, sorted. Source: section 5 of the paper; the exact size as its proofs assume (appendix B).
    """
    return np.sort(generator(root, "subset", percent(alpha), index).permutation(n)[: size_of(alpha, n)])


def subset_of_size(root: int, size: int, index: int, n: int) -> np.ndarray:
    """The training subset of model ``index``: exactly ``size`` of n examples; what an example moves then does not depend on n.

    Returns:
        (size,) int64, sorted.

    Raises:
        InputError: the size is not between 1 and n.
    """
    if not 1 <= size <= n:
        raise InputError(f"subsets of {size} of {n} examples cannot be drawn.")
    return np.sort(generator(root, "subset of size", size, index).permutation(n)[:size])


def balanced_part(root: int, parts: int, index: int, n: int) -> np.ndarray:
    """The training subset of model ``index`` where every ``parts`` models share all examples out among them.

    Models ``parts`` q to ``parts`` (q + 1) - 1 are the parts of one random partition, so that after whole partitions every
    example was trained on equally often. Sizes differ by one at most.

    Returns:
        (floor(n / parts) or one more,) int64, sorted.

    Raises:
        InputError: there are fewer than 2 parts, or more than examples.
    """
    if not 2 <= parts <= n:
        raise InputError(f"{n} examples cannot be shared out among {parts} models.")
    order = generator(root, "partition", parts, index // parts).permutation(n)
    return np.sort(np.array_split(order, parts)[index % parts])


def masks(root: int, alpha: float, indices: Iterable[int], n: int) -> np.ndarray:
    """The subsets of several models as indicator rows, (models, n) bool."""
    indices = list(indices)
    rows = np.zeros((len(indices), n), dtype=bool)
    for row, index in zip(rows, indices, strict=True):
        row[subset(root, alpha, index, n)] = True
    return rows
