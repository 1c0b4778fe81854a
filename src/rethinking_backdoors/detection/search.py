"""Greedy search for a maximum-sum submatrix (paper, section 4.2 and appendix D.2): exact steepest single swaps.

With S = W + W' (zero diagonal), d the diagonal of eq. 7's matrix and g = S v + d, the objective of a set is
sum_{i in v} (g_i + d_i) / 2 and swapping member r for non-member a changes it by exactly g_a - g_r - S_ra. A swap updates g with
two contiguous rows of S. The steepest swap over all k (n - k) pairs is found without looking at most of them: no pair can gain
more than g_a - g_r minus the lowest entry of either row of S.
"""

from dataclasses import dataclass

import numba
import numpy as np

from rethinking_backdoors.detection.objective import linear_terms, pair_matrix
from rethinking_backdoors.seeds import generator

STARTS = ("random", "partners")
# A swap must gain more than this share of the largest entry of S, so that rounding cannot make the search run in circles.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Solutions:
    """What the search found for every size and restart.

    Attributes:
        sizes: (K,) int64.
        members: K arrays (R, k) int64, the sorted members of each restart's set.
        objective: (K, R) float64, eq. 7 at each set.
        certified: (K, R) bool, no single swap over all k (n - k) pairs improves the set.
    """

    sizes: np.ndarray
    members: list[np.ndarray]
    objective: np.ndarray
    certified: np.ndarray


def search(weights: np.ndarray, sizes: list[int], restarts: int, *, seed: int, starts: str = "random") -> Solutions:
    """Maximises eq. 7 for every size from many starts.

    Args:
        weights: W (n, n) float32, rows training examples, columns targets. One more matrix of that size is made.
        sizes: solution sizes k, each at most n / 2.
        restarts: number of starts R for each size.
        seed: start l of size k depends on (seed, k, l) only.
        starts: "random" (the paper's), or "partners": an example drawn at random and its k - 1 strongest partners, the largest
            entries of its row of W + W' (this project's).

    Raises:
        ValueError: W is not a finite square matrix, a size is out of range, or ``starts`` is unknown.
    """
    n = len(weights)
    if not all(1 <= size <= n // 2 for size in sizes):
        raise ValueError(f"sizes must lie between 1 and n / 2 = {n // 2}; given: {sizes}.")
    if starts not in STARTS:
        raise ValueError(f"starts must be one of {', '.join(STARTS)}; given: {starts}.")
    pairs = pair_matrix(weights)
    lowest, tolerance = pairs.min(axis=1).astype(np.float64), _TOLERANCE * float(np.abs(pairs).max())
    members, objective, certified = [], np.empty((len(sizes), restarts)), np.empty((len(sizes), restarts), dtype=bool)
    for row, size in enumerate(sizes):
        found = np.stack([_start(pairs, size, generator(seed, "restart", size, r), starts) for r in range(restarts)])
        _ascend(pairs, linear_terms(weights, size), found, lowest, tolerance, objective[row], certified[row])
        members.append(np.sort(found, axis=1))
    return Solutions(np.array(sizes), members, objective, certified)


def _start(pairs: np.ndarray, size: int, rng: np.random.Generator, starts: str) -> np.ndarray:
    """The members of one start, (size,) int64."""
    n = len(pairs)
    if starts == "random":
        return rng.choice(n, size, replace=False)
    first = int(rng.integers(n))
    strength = pairs[first].copy()
    strength[first] = np.inf
    return np.argpartition(strength, n - size)[n - size :]


@numba.njit(cache=True)
def _ascend(pairs, linear, found, lowest, tolerance, objective, certified):
    """Improves every row of ``found`` (R, k) in place to a local optimum; fills objective (R,) and certified (R,)."""
    n = len(pairs)
    gain, barred, candidates = np.empty(n), np.empty(n), np.empty(n, dtype=np.int64)
    nothing = np.zeros(n, dtype=pairs.dtype)
    for restart in range(len(found)):
        members = found[restart]
        gain[:] = linear
        barred[:] = 0.0
        for member in members:
            barred[member] = -np.inf
            row = pairs[member]
            for i in range(n):
                gain[i] += row[i]
        high = _update(gain, nothing, nothing, barred)
        best, position, incoming = _steepest(pairs, gain, barred, high, members, lowest, candidates)
        while best > tolerance:
            outgoing = members[position]
            barred[outgoing], barred[incoming] = 0.0, -np.inf
            members[position] = incoming
            high = _update(gain, pairs[incoming], pairs[outgoing], barred)
            best, position, incoming = _steepest(pairs, gain, barred, high, members, lowest, candidates)
        objective[restart] = sum([(gain[member] + linear[member]) / 2 for member in members])
        certified[restart] = best <= tolerance


@numba.njit(cache=True, fastmath={"nnan", "nsz", "reassoc"})
def _update(gain, added, removed, barred):
    """gain += added - removed, in place; returns the largest gain of a non-member (``barred`` is -inf at members, else 0)."""
    high = -np.inf
    for i in range(len(gain)):
        gain[i] += np.float64(added[i]) - np.float64(removed[i])
        high = max(high, gain[i] + barred[i])
    return high


@numba.njit(cache=True)
def _steepest(pairs, gain, barred, high, members, lowest, candidates):
    """The best of all swaps: (gain, position in ``members``, incoming example). Exact; pairs that cannot win are skipped."""
    low, position = np.inf, 0
    for p in range(len(members)):
        if gain[members[p]] < low:
            low, position = gain[members[p]], p
    incoming = 0
    while gain[incoming] + barred[incoming] < high:
        incoming += 1
    best = high - low - pairs[members[position], incoming]
    count, threshold = 0, best + low
    for i in range(len(gain)):
        if gain[i] + barred[i] - lowest[i] > threshold:
            candidates[count] = i
            count += 1
    for p in range(len(members)):
        out = gain[members[p]]
        if high - out - lowest[members[p]] > best:
            row = pairs[members[p]]
            for c in range(count):
                value = gain[candidates[c]] - out - row[candidates[c]]
                if value > best:
                    best, position, incoming = value, p, candidates[c]
    return best, position, incoming
