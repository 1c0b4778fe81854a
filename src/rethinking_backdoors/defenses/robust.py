"""Mean and covariance of data of which a part is planted, by filtering (Diakonikolas, Kamath, Kane, Li, Moitra, Stewart 2017).

Clean data are taken to be Gaussian. Whitened by their own covariance they have fourth moments of a known size in every direction;
planted examples that disturb the covariance must show as a direction in which fourth moments are too large, and they lie far out
in it. So such examples are removed until no direction is left, or until as many are gone as could be planted.
"""

import numpy as np

# The theorems leave their constants open. Here a direction is suspicious if its variance is this many times what the widest of
# D directions shows in m clean Gaussian examples, (1 + sqrt(D / m))^2 times the true one (Marchenko and Pastur 1967).
_EXCESS = 1.15
# The share of what may still be removed that goes in one step, so that the direction is found anew before the clean part suffers.
_STEP = 0.1


def estimate(values: np.ndarray, planted: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean (k,) and the covariance (k, k) of the examples that are not planted.

    Args:
        values: (m, k), m well above k. planted: a bound on the number of planted examples.
    """
    kept = covariance_filter(values, planted)
    covariance = np.cov(values[kept].T, bias=True).reshape(values.shape[1], -1)
    white = (values - values[kept].mean(0)) @ inverse_root(covariance)
    return values[mean_filter(white, planted)].mean(0), covariance


def covariance_filter(values: np.ndarray, planted: int) -> np.ndarray:
    """(m,) bool: the examples whose covariance is that of the clean ones; at most 2 ``planted`` and half of all are left out.

    Twice the bound, because a filter may take as many clean examples as planted ones before the last planted one is gone.
    """
    kept = np.ones(len(values), dtype=bool)
    budget = min(2 * planted, len(values) // 2)
    forms = values.shape[1] * (values.shape[1] + 1) / 2
    step = max(1, int(_STEP * budget))
    while budget > 0:
        inside = values[kept] - values[kept].mean(0)
        white = inside @ inverse_root(inside.T @ inside / len(inside))
        variance, projected = widest_quadratic(white)
        if variance <= 2 * widest_of_clean(forms, len(inside)):
            break
        far = np.abs(projected - np.median(projected))
        out = np.argsort(-far, kind="stable")[: min(step, budget)]
        kept[np.flatnonzero(kept)[out]] = False
        budget -= len(out)
    return kept


def widest_quadratic(white: np.ndarray) -> tuple[float, np.ndarray]:
    """The quadratic form y'Vy (V symmetric, of Frobenius norm 1) with the largest variance over the examples.

    Args:
        white: (m, k), of mean 0 and covariance 1. For Gaussian examples every such form has variance 2.

    Returns:
        The variance, and the form's value (m,) of every example.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    m, k = white.shape

    def values_of(flat: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->i", white @ flat.reshape(k, k), white)

    def covariance_times(flat: np.ndarray) -> np.ndarray:
        values = values_of(flat)
        return ((white * (values - values.mean())[:, None]).T @ white / m).ravel()

    if k == 1:
        found = np.ones(1)
    else:
        # Symmetric and neither the identity nor a diagonal, so that it is not orthogonal to the direction that is looked for.
        start = (1 + np.add.outer(np.arange(k), np.arange(k)) % 7 + np.eye(k)).ravel()
        operator = LinearOperator((k * k, k * k), matvec=covariance_times, dtype=np.float64)
        found = eigsh(operator, k=1, which="LA", v0=start, tol=1e-4)[1][:, 0]
    projected = values_of(found)
    return float(projected.var()), projected


def mean_filter(white: np.ndarray, planted: int) -> np.ndarray:
    """(m,) bool: the examples whose mean is that of the clean ones; at most 2 ``planted`` and half of all are left out.

    Args:
        white: (m, k), whitened by the clean covariance, so that planted examples which move the mean widen some direction.
    """
    kept = np.ones(len(white), dtype=bool)
    budget = min(2 * planted, len(white) // 2)
    step = max(1, int(_STEP * budget))
    while budget > 0:
        inside = white[kept] - white[kept].mean(0)
        variances, directions = np.linalg.eigh(inside.T @ inside / len(inside))
        if variances[-1] <= widest_of_clean(white.shape[1], len(inside)):
            break
        far = np.abs(inside @ directions[:, -1])
        out = np.argsort(-far, kind="stable")[: min(step, budget)]
        kept[np.flatnonzero(kept)[out]] = False
        budget -= len(out)
    return kept


def widest_of_clean(directions: float, examples: int) -> float:
    """The largest variance, over ``directions`` of variance 1, that is not suspicious in a sample of so many examples."""
    return _EXCESS * (1 + (directions / examples) ** 0.5) ** 2


def inverse_root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric inverse square root (k, k) of a covariance; directions without variance stay without."""
    variances, directions = np.linalg.eigh(covariance)
    real = variances > 1e-10 * variances[-1]
    return directions[:, real] / np.sqrt(variances[real]) @ directions[:, real].T
