"""The objective of eq. 7: the sum of a submatrix of W with a penalty on the size."""

import numpy as np


def strength_vector(indicator: np.ndarray) -> np.ndarray:
    """h(v) = v / |v|_1 - (1 - v) / (n - |v|_1), paper, Lemma 1 (eq. 5).

    Args:
        indicator: (n,) 0/1 or bool, neither all zero nor all one.
    """
    v = np.asarray(indicator, dtype=np.float64)
    return v / v.sum() - (1 - v) / (len(v) - v.sum())


def pair_matrix(weights: np.ndarray) -> np.ndarray:
    """S = W + W' with a zero diagonal: what two examples in a solution add to its sum, (n, n), the dtype of W.

    Args:
        weights: W (n, n), rows training examples, columns targets.

    Raises:
        ValueError: W is not square or not finite.
    """
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise ValueError(f"the weight matrix must be square (training examples x targets); its shape is {weights.shape}.")
    if not np.isfinite(weights).all():
        raise ValueError("the weight matrix holds values that are not finite.")
    pairs = weights + weights.T
    np.fill_diagonal(pairs, 0)
    return pairs


def linear_terms(weights: np.ndarray, size: int) -> np.ndarray:
    """The diagonal of eq. 7's matrix at one size: W_jj - (size / n) sum_i W_ij, the penalty being the COLUMN sum.

    Returns:
        (n,) float64.
    """
    return np.diagonal(weights).astype(np.float64) - size / len(weights) * weights.sum(0, dtype=np.float64)


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
