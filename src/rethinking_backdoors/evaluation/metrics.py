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
        ``l2``, the Euclidean distance on the scale 0..255; ``changed``, the percentage of values that are others; and
        ``similarity``, the structural similarity in percent, see ``similarity``.
    """
    difference = (after.astype(np.float64) - before).reshape(len(before), -1)
    distance, changed = np.linalg.norm(difference, axis=1).mean(), 100 * (difference != 0).mean()
    return {"l2": float(distance), "changed": float(changed), "similarity": 100 * float(similarity(before, after).mean())}


def similarity(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al. 2004, eq. 13) of images (N, H, W, C) uint8, (N,), mean over channels and windows.

    Windows are squares of 7 pixels, or as many as the image is high or wide, weighted alike, that lie inside it; variances are
    those of samples. That is what scikit-image computes unless told otherwise.
    """
    from numpy.lib.stride_tricks import sliding_window_view

    window = tuple(min(7, side) for side in before.shape[1:3])
    x, y = (sliding_window_view(images.astype(np.float64), window, axis=(1, 2)) for images in (before, after))
    mean_x, mean_y, axes = x.mean((-1, -2)), y.mean((-1, -2)), {"axis": (-1, -2), "ddof": 1}
    count = window[0] * window[1]
    both = ((x * y).mean((-1, -2)) - mean_x * mean_y) * count / (count - 1)
    first, second = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    alike = (2 * mean_x * mean_y + first) * (2 * both + second)
    scale = (mean_x**2 + mean_y**2 + first) * (x.var(**axes) + y.var(**axes) + second)
    return (alike / scale).reshape(len(before), -1).mean(1)


def fit_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Least-squares slope and intercept of y on x, both (p,), and their correlation; nan where nothing can be fitted."""
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan, np.nan
    from scipy.stats import linregress

    line = linregress(x, y)
    return float(line.slope), float(line.intercept), float(line.rvalue)
