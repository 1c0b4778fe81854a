"""The objective of eq. 7: the sum of a submatrix of W with a penalty on the size."""

import numpy as np


def strength_vector(indicator: np.ndarray) -> np.ndarray:
    """h(v) = v / |v|_1 - (1 - v) / (n - |v|_1), paper, Lemma 1 (eq. 5).

    Args:
        indicator: (n,) 0/1 or bool, neither all zero nor all one.
    """
    v = np.asarray(indicator, dtype=np.float64)
    return v / v.sum() - (1 - v) / (len(v) - v.sum())


def objective(weights: np.ndarray, solution: np.ndarray) -> float:
    """The value of eq. 7 for one set of examples: v' (W - diag(p/n 1'W)) v.

    Args:
        weights: W (n, n), rows training examples, columns targets.
        solution: (k,) indices of the examples in the set; p of the equation is k.

    Equals k (n - k) / n times h(v)' W v, eq. 6.
    """
    block = weights[np.ix_(solution, solution)].sum(dtype=np.float64)
    penalty = weights[:, solution].sum(dtype=np.float64)
    return float(block - len(solution) / len(weights) * penalty)
