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


def fit_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Least-squares slope and intercept of y on x, both (p,), and their correlation; nan where nothing can be fitted."""
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan, np.nan
    from scipy.stats import linregress

    line = linregress(x, y)
    return float(line.slope), float(line.intercept), float(line.rvalue)
