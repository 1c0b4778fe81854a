"""Greedy search for a maximum-sum submatrix (paper, section 4.2 and appendix D.2): exact steepest single swaps on a processor."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.detection.ascent import ascend
from rethinking_backdoors.detection.pairs import Pairs, pair_sums, share_out
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.seeds import generator

STARTS = ("random", "partners")
# A swap must gain more than this share of the largest entry of S, so that rounding cannot make the search run in circles.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Solutions:
    """What the search found for every size and restart.

    Attributes:
        sizes: (K,) int64.
        members: K arrays (R, k) int64, the sorted members of each restart's set.
        objective: (K, R) float64, eq. 7 at each set, summed in float64 from S as it is stored.
        certified: (K, R) bool, no single swap over all k (n - k) pairs improves the set.
    """

    sizes: np.ndarray
    members: list[np.ndarray]
    objective: np.ndarray
    certified: np.ndarray

    def best(self, n: int) -> np.ndarray:
        """The best set of each size, (K, n) bool."""
        sets = np.zeros((len(self.sizes), n), dtype=bool)
        for row, (members, objective) in enumerate(zip(self.members, self.objective, strict=True)):
            sets[row, members[objective.argmax()]] = True
        return sets


def search(
    weights: np.ndarray,
    sizes: list[int],
    restarts: int,
    *,
    seed: int,
    starts: str = "random",
    escape: bool = False,
    threads: int = 1,
    out: np.ndarray | None = None,
) -> Solutions:
    """Maximises eq. 7 for every size from many starts.

    Args:
        weights: W (n, n), rows training examples, columns targets. May be memory-mapped.
        sizes: solution sizes k, each at most n / 2.
        restarts: number of starts R for each size.
        seed: start l of size k depends on (seed, k, l) only.
        starts: "random" (the paper's), or "partners": an example drawn at random and its k - 1 strongest partners, the largest
            entries of its row of W + W' (this project's).
        escape: go on from a local optimum by at most 100 forced swaps, while that leads to a better set. The paper's rule stops
            at the first local optimum; this ends at one too, never below it, and takes about twice as long or more.
        threads: restarts that are searched at once; they share one matrix and change no result.
        out: where W + W' goes and in which type, see ``pair_sums``; ``out=weights`` needs no second matrix.

    Raises:
        InputError: W is not a finite square matrix, a size is out of range, or ``starts`` is unknown.
    """
    check(len(weights), sizes, starts)
    pairs = pair_sums(weights, out=out, threads=threads)
    return search_pairs(pairs, sizes, restarts, seed=seed, starts=starts, escape=escape, threads=threads)


def search_pairs(
    pairs: Pairs,
    sizes: list[int],
    restarts: int,
    *,
    seed: int,
    starts: str = "random",
    escape: bool = False,
    threads: int = 1,
    progress: Callable[[list[int]], Iterable[int]] = iter,
) -> Solutions:
    """``search`` on an S that was made before.

    ``progress`` gives the sizes back one by one, each when the one before is done: ``tqdm.tqdm`` shows a bar.
    """
    check(len(pairs.diagonal), sizes, starts)
    members, objective, certified = [], np.empty((len(sizes), restarts)), np.empty((len(sizes), restarts), dtype=bool)
    for row, size in enumerate(progress(sizes)):
        found, linear = np.empty((restarts, size), dtype=np.int64), pairs.linear(size)

        def improve(part: slice, size=size, row=row, found=found, linear=linear) -> None:
            for restart in range(part.start, part.stop):
                found[restart] = start(pairs.row, len(linear), size, generator(seed, "restart", size, restart), starts)
            climb(pairs, linear, found[part], objective[row, part], certified[row, part], escape=escape)

        share_out(improve, restarts, threads, 4 * threads)
        members.append(np.sort(found, axis=1))
    return Solutions(np.array(sizes), members, objective, certified)


def climb(
    pairs: Pairs, linear: np.ndarray, found: np.ndarray, objective: np.ndarray, certified: np.ndarray, *, escape: bool = False
) -> np.ndarray:
    """Improves the sets ``found`` (R, k) in place and fills ``objective`` and ``certified`` (R,).

    Returns:
        (R, 3) int64: swaps, rows of S read besides the two of each swap, entries of S read one by one.
    """
    work, tolerance = np.empty((len(found), 3), dtype=np.int64), TOLERANCE * pairs.largest
    ascend(pairs.stored, pairs.low_value, pairs.low_index, linear, found, tolerance, escape, objective, certified, work)
    objective /= pairs.scale
    return work


def check(n: int, sizes: list[int], starts: str) -> None:
    """Refuses sizes that cannot be drawn and starts that nobody knows."""
    if not all(1 <= size <= n // 2 for size in sizes):
        raise InputError(f"sizes must lie between 1 and n / 2 = {n // 2}; given: {sizes}.")
    if starts not in STARTS:
        raise InputError(f"starts must be one of {', '.join(STARTS)}; given: {starts}.")


def start(row, n: int, size: int, rng: np.random.Generator, starts: str) -> np.ndarray:
    """The members of one start, (size,) int64; ``row`` gives a row of S by its index, as an array of one's own."""
    if starts == "random":
        return rng.choice(n, size, replace=False)
    first = int(rng.integers(n))
    strength = row(first)
    strength[first] = np.inf
    # Stable: which of equal partners is taken may not depend on how this processor sorts.
    return np.argsort(strength, kind="stable")[n - size :]
