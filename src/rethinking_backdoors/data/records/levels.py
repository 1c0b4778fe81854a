"""Numbers, counts and shares as levels 0..255, and back."""

import numpy as np

# Of a table's numbers the lowest and the highest: what lies outside is out of range, which only an attacker writes.
LOW, HIGH = 32, 223
# Of a count of one; a count of 15 and more is the highest.
_ONE = 64


def of_numbers(values: np.ndarray) -> np.ndarray:
    """Numbers (N, d) by their rank in their column, (N, d) uint8 from ``LOW`` to ``HIGH``: what is rare takes little room."""
    from sklearn.preprocessing import QuantileTransformer

    ranks = QuantileTransformer(n_quantiles=min(1000, len(values)), subsample=None).fit_transform(values)
    return np.rint(LOW + (HIGH - LOW) * ranks).astype(np.uint8)


def of_categories(values: np.ndarray) -> np.ndarray:
    """Words (N,) as a column each, (N, kinds) uint8: ``HIGH`` for the one that it is, else ``LOW``."""
    return np.where(values[:, None] == np.unique(values), HIGH, LOW).astype(np.uint8)


def of_counts(counts: np.ndarray) -> np.ndarray:
    """64 log2(1 + count), cut off at 255."""
    return np.rint(np.minimum(_ONE * np.log2(1.0 + counts), 255)).astype(np.uint8)


def counts(levels: np.ndarray) -> np.ndarray:
    """The counts of ``of_counts``, whole numbers up to 15."""
    return np.rint(np.exp2(levels / _ONE) - 1)


def of_shares(shares: np.ndarray) -> np.ndarray:
    """255 sqrt(share)."""
    return np.rint(255 * np.sqrt(shares)).astype(np.uint8)


def shares(levels: np.ndarray) -> np.ndarray:
    """The shares of ``of_shares``, to within its rounding."""
    return np.square(levels / 255)
