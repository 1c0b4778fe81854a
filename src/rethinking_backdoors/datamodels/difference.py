"""The difference-in-means estimator of datamodel weights."""

import numpy as np

_TARGETS_AT_ONCE = 4096


def difference_in_means(masks: np.ndarray, margins: np.ndarray) -> np.ndarray:
    """Mean margin of the models trained with an example minus that of the models trained without it.

    Args:
        masks: (m, n) bool, the training subset of each model.
        margins: (m, t), float16 or wider, the margin of each target in each model.

    Returns:
        W (n, t) float32: ``W[i, j]`` is the effect of training on example i on the margin of target j, in units of the margin
        (rows are training examples, columns are targets). For subsets of exact size in a linear world with weights w it
        estimates ``w[i, j]`` minus the mean of the other examples' weights on j, so its columns are nearly centred.

    Raises:
        ValueError: shapes do not fit, or an example is in every model or in none.
    """
    if masks.shape[0] != margins.shape[0]:
        raise ValueError(f"masks has {masks.shape[0]} rows (models), margins {margins.shape[0]}; they must be equal.")
    inside = masks.sum(0, dtype=np.int64)
    outside = len(masks) - inside
    if not (inside.all() and outside.all()):
        raise ValueError("an example is in every model's subset or in none: its weight cannot be estimated.")
    # With margins centred per target the sum over models without i is minus the sum over models with i.
    scale = (1 / inside + 1 / outside).astype(np.float32)[:, None]
    selected = np.ascontiguousarray(masks.T).astype(np.float32)
    weights = np.empty((masks.shape[1], margins.shape[1]), dtype=np.float32)
    for start in range(0, margins.shape[1], _TARGETS_AT_ONCE):
        block = margins[:, start : start + _TARGETS_AT_ONCE].astype(np.float32)
        block -= block.mean(0, dtype=np.float64)
        weights[:, start : start + _TARGETS_AT_ONCE] = scale * (selected @ block)
    return weights
