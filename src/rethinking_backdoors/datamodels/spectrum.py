"""Generalised cross-validation for all ridge penalties at once, from the spectrum of the Gram matrix.

With Xc and Fc the masks and margins minus their columns' means, H = Xc (Xc'Xc + penalty)^-1 Xc' and one degree of freedom for the
intercept, the criterion of Golub, Heath and Wahba (1979), summed over targets, is

    GCV(penalty) = |Fc - H Fc|^2 / m / (1 - (1 + tr H) / m)^2.

With e the eigenvalues of Xc'Xc and q the squared lengths of Fc along the left singular vectors of Xc,
|Fc - H Fc|^2 = |Fc|^2 - sum q + sum q (penalty / (e + penalty))^2 and tr H = sum e / (e + penalty).
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.datamodels.backend import Array

# Penalties tried: the largest eigenvalue times these, ten in a factor of ten. Below the first, single precision may not suffice.
_GRID = 10.0 ** np.arange(-4, 3.01, 0.1)


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues with their weights in the two sums of the criterion.

    Attributes:
        value: (k,) float64, eigenvalues of the Gram matrix (exact, or the nodes of a quadrature).
        count: (k,) float64, how many eigenvalues each stands for.
        energy: (k,) float64, the squared lengths q, summed over targets.
        total: squared length of Fc. models: m.
    """

    value: np.ndarray
    count: np.ndarray
    energy: np.ndarray
    total: float
    models: int

    def criterion(self, penalties: np.ndarray) -> np.ndarray:
        """GCV at each penalty."""
        kept = self.value / (self.value + penalties[:, None])
        residual = max(self.total - self.energy.sum(), 0) + (self.energy * (1 - kept) ** 2).sum(1)
        freedom = 1 + (self.count * kept).sum(1)
        return residual / self.models / (1 - freedom / self.models) ** 2

    def best(self) -> float:
        """The penalty of the grid with the lowest criterion; neighbours differ by a quarter."""
        penalties = _GRID * self.value.max()
        return float(penalties[self.criterion(penalties).argmin()])


def along_left(value: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Squared lengths of Fc along the left singular vectors, from those of Xc'Fc along the right ones and the eigenvalues."""
    return np.divide(energy, value, out=np.zeros_like(energy), where=value > 1e-6 * value.max())


def lanczos(square: Array, start: Array, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss quadrature for the spectral measure of a symmetric matrix at several vectors, by Lanczos' method.

    For a smooth function f, start_j' f(square) start_j is about the sum over nodes of weight times f(node). All vectors share the
    products with the matrix; every new vector is made orthogonal to all earlier ones.

    Args:
        square: (d, d). start: (d, p), columns are the vectors; both on the same backend. steps: nodes a vector, at most d.

    Returns:
        Nodes and weights, (p, steps) float64. Golub and Meurant, Matrices, Moments and Quadrature (2010), chapter 4.
    """
    steps, vectors = min(steps, len(square)), start.shape[1]
    length = _lengths(start)
    basis = [start / (length + 1e-30)]
    tridiagonal = np.zeros((vectors, steps, steps))
    for step in range(steps):
        new = square @ basis[-1]
        tridiagonal[:, step, step] = _host((basis[-1] * new).sum(0))
        for _ in range(2):
            for old in basis:
                new = new - old * (old * new).sum(0)
        if step + 1 < steps:
            size = _lengths(new)
            # A vector that lies in few eigenvectors is used up early: what is left is rounding error, and counts as nothing.
            size = size * (size > 1e-5 * float(np.abs(tridiagonal).max()))
            tridiagonal[:, step, step + 1] = tridiagonal[:, step + 1, step] = _host(size)
            basis.append(new * (size > 0) / (size + 1e-30))
    nodes, rotation = np.linalg.eigh(tridiagonal)
    return nodes, rotation[:, 0, :] ** 2 * _host(length)[:, None] ** 2


def _lengths(columns: Array) -> Array:
    return (columns * columns).sum(0) ** 0.5


def _host(row: Array) -> np.ndarray:
    return np.asarray(row.cpu() if hasattr(row, "cpu") else row, dtype=np.float64)
