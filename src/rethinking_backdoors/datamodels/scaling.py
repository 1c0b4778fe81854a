"""Weights in the masks' own units and in units of their standard deviation.

``raw``: the effect of adding example i to the training set on the margin; ``coef_`` of every estimator here. ``standardised``:
the effect of one standard deviation of the mask's column i, sqrt(alpha (1 - alpha)); this is what solvers that standardise the
columns store (fast_l1, and so the public datamodels code). At alpha = 1/2 it is half of the raw weight.
"""

import numpy as np

from rethinking_backdoors.margins.arrays import Masks, mask_columns

_EXAMPLES_AT_ONCE = 4096


def mask_deviation(masks: Masks) -> np.ndarray:
    """Standard deviation of each example's column over the models, (n,) float64."""
    m, n = masks.shape
    blocks = [
        mask_columns(masks, a, min(a + _EXAMPLES_AT_ONCE, n)).sum(0, dtype=np.int64) for a in range(0, n, _EXAMPLES_AT_ONCE)
    ]
    share = np.concatenate(blocks) / m
    return np.sqrt(share * (1 - share))


def raw_from_standardised(weights: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Weights (n, t), rows training examples, divided by their column's deviation (n,)."""
    return weights / deviation.astype(weights.dtype)[:, None]


def standardised_from_raw(weights: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Weights (n, t), rows training examples, times their column's deviation (n,)."""
    return weights * deviation.astype(weights.dtype)[:, None]
