"""Margins of models whose margins are linear in who was trained on, up to noise."""

from itertools import combinations

import numpy as np


def all_halves(n):
    """Every subset of n / 2 of n examples, (models, n) bool: the expectation over subsets, exactly."""
    masks = np.zeros((len(list(combinations(range(n), n // 2))), n), dtype=bool)
    for row, chosen in zip(masks, combinations(range(n), n // 2), strict=True):
        row[list(chosen)] = True
    return masks


def linear(m, n, t, *, noise=1.0, density=1.0, size=None, seed=0):
    """Masks (m, n) of half-sized subsets (or independent ones where no ``size``), weights (n, t), margins (m, t) float64."""
    rng = np.random.default_rng(seed)
    masks = rng.random((m, n)) < 0.5
    if size is not None:
        masks = rng.random((m, n)).argsort(1).argsort(1) < size
    weights = rng.standard_normal((n, t)) * (rng.random((n, t)) < density)
    return masks, weights, masks @ weights + 2 + noise * rng.standard_normal((m, t))
