"""How well scores find the poisoned examples."""

import numpy as np


def auroc(score: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve in percent; 50 where one of the two groups is empty."""
    from sklearn.metrics import roc_auc_score

    if positive.all() or not positive.any():
        return 50.0
    return 100 * float(roc_auc_score(positive, score))


def precision_at_p(positive: np.ndarray, order: np.ndarray) -> float:
    """Share of poisoned examples among the first p of ``order``, p being their number, in percent."""
    count = int(positive.sum())
    return 100 * float(positive[order[:count]].mean())


def visibility(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """How far poisoned images (p, H, W, C) uint8 lie from what they were, means over images.

    Returns:
        ``l2``, the Euclidean distance on the scale 0..255, and ``changed``, the percentage of values that are others.
    """
    difference = (after.astype(np.float64) - before).reshape(len(before), -1)
    return {"l2": float(np.linalg.norm(difference, axis=1).mean()), "changed": 100 * float((difference != 0).mean())}


def fit_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Least-squares slope and intercept of y on x, both (p,), and their correlation; nan where nothing can be fitted."""
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan, np.nan
    from scipy.stats import linregress

    line = linregress(x, y)
    return float(line.slope), float(line.intercept), float(line.rvalue)
