"""Coordinate descent for the LASSO of many targets that share one Gram matrix.

Friedman, Hastie and Tibshirani (2010), section 2.2. For a target with correlations c = Z'f / m and C = Z'Z / m (unit diagonal) it
minimises w'Cw / 2 - c'w + penalty |w|_1. The gradient c - C w is kept up to date, one contiguous row of C for every change of a
coordinate; the models do not enter.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np

# Sweeps over the nonzero coordinates between two sweeps over all.
_SWEEPS = 100


class Descent:
    """Solves one block of targets on the host, each target by itself, on ``threads`` threads."""

    def __init__(self, square: np.ndarray, tolerance: float, sweeps: int, threads: int):
        self.square, self.tolerance, self.sweeps, self.threads = square, tolerance, sweeps, threads

    def path(
        self, linear: np.ndarray, penalties: np.ndarray, held: np.ndarray, truth: np.ndarray, patience: int
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        """For each target the weights of that penalty of a falling sequence which predict held-out models best.

        Args:
            linear: c (n, b). penalties: (K, b), falling. held: (n, v), the standardised masks of held-out models, transposed.
            truth: (v, b), those models' margins minus the training mean. patience: a target's path ends after so many penalties
                without a lower error.

        Returns:
            Weights (n, b) float32, the chosen row of ``penalties`` (b,), and whether every target converged.
        """
        targets = [np.ascontiguousarray(array.T) for array in (linear, penalties, truth)]
        weights, chosen = np.zeros_like(targets[0]), np.zeros(len(targets[0]), dtype=np.int64)
        scale = _scale(targets[0])

        def work(first: int) -> bool:
            settings = (self.tolerance * scale, self.sweeps, patience)
            compiled: Any = _paths
            return compiled(self.square, *targets, held, *settings, weights, chosen, first, self.threads)

        return weights.T, chosen, self._all(work)

    def solve(self, linear: np.ndarray, penalty: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, bool]:
        """Weights (n, b) at one penalty a target (b,), from a start (n, b), and whether every target converged."""
        gradient, weights = np.ascontiguousarray(linear.T), np.array(start.T, order="C")
        scale = _scale(gradient)

        def work(first: int) -> bool:
            tolerance = self.tolerance * scale
            return _solves(self.square, gradient, weights, penalty, tolerance, self.sweeps, first, self.threads)

        return weights.T, self._all(work)

    def _all(self, work) -> bool:
        with ThreadPoolExecutor(self.threads) as pool:
            return all(list(pool.map(work, range(self.threads))))


def _scale(linear: np.ndarray) -> np.ndarray:
    """What a target's weights are measured by: its largest correlation, (b,) for c' (b, n)."""
    return np.abs(linear).max(1)


@numba.njit(cache=True, nogil=True)
def _descend(square, gradient, weights, penalty, tolerance, sweeps):
    """One target at one penalty, in place; True if no coordinate moved by more than the tolerance in the last full sweep."""
    active = np.empty(len(weights), dtype=np.int64)
    for _ in range(sweeps):
        moved, size = np.float32(0), 0
        for i in range(len(weights)):
            moved = max(moved, _update(square, gradient, weights, i, penalty))
            if weights[i] != 0:
                active[size] = i
                size += 1
        if moved <= tolerance:
            return True
        for _ in range(_SWEEPS):
            moved = np.float32(0)
            for a in range(size):
                moved = max(moved, _update(square, gradient, weights, active[a], penalty))
            if moved <= tolerance:
                break
    return False


@numba.njit(cache=True, nogil=True, inline="always")
def _update(square, gradient, weights, i, penalty):
    """Minimises over coordinate i; returns how far it moved."""
    old = weights[i]
    free = gradient[i] + old
    new = np.float32(0)
    if free > penalty:
        new = free - penalty
    elif free < -penalty:
        new = free + penalty
    change = new - old
    if change != 0:
        weights[i] = new
        row = square[i]
        for j in range(len(gradient)):
            gradient[j] -= change * row[j]
    return abs(change)


@numba.njit(cache=True, nogil=True)
def _paths(square, linear, penalties, truth, held, tolerance, sweeps, patience, best, chosen, first, step):
    """``Descent.path`` for every step-th target; rows are targets."""
    converged = True
    for target in range(first, len(linear), step):
        gradient, weights = linear[target].copy(), np.zeros_like(linear[target])
        lowest, since = np.inf, 0
        for k in range(penalties.shape[1]):
            converged &= _descend(square, gradient, weights, penalties[target, k], tolerance[target], sweeps)
            rest = truth[target].copy()
            for i in range(len(weights)):
                if weights[i] != 0:
                    for v in range(len(rest)):
                        rest[v] -= weights[i] * held[i, v]
            error = 0.0
            for v in range(len(rest)):
                error += rest[v] * rest[v]
            since += 1
            if error < lowest:
                lowest, since = error, 0
                best[target], chosen[target] = weights, k
            if since >= patience:
                break
    return converged


@numba.njit(cache=True, nogil=True)
def _solves(square, gradient, weights, penalty, tolerance, sweeps, first, step):
    """``Descent.solve`` for every step-th target; rows are targets."""
    converged = True
    for target in range(first, len(gradient), step):
        for i in range(gradient.shape[1]):
            if weights[target, i] != 0:
                for j in range(gradient.shape[1]):
                    gradient[target, j] -= weights[target, i] * square[i, j]
        converged &= _descend(square, gradient[target], weights[target], penalty[target], tolerance[target], sweeps)
    return converged
