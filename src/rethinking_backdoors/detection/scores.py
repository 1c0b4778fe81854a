"""Scores: how often an example is in the solutions (paper, eq. 8)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from rethinking_backdoors.detection.factors import Factors, search_factors
from rethinking_backdoors.detection.pairs import Pairs, pair_sums
from rethinking_backdoors.detection.search import Solutions, search_pairs


def frequencies(solutions: Solutions, n: int, kept: float = 1.0) -> np.ndarray:
    """The number of solutions of each size that contain each example, (K, n) float64.

    Args:
        kept: share of the restarts of a size that count, those with the highest objective (at least one); 1 is the paper's.
    """
    counts = np.zeros((len(solutions.sizes), n))
    for row, (members, objective) in enumerate(zip(solutions.members, solutions.objective, strict=True)):
        np.add.at(counts[row], members[kept_restarts(objective, kept)], 1)
    return counts


def kept_restarts(objective: np.ndarray, kept: float) -> np.ndarray:
    """Which of the restarts (R,) of one size count: the share ``kept`` with the highest objective, at least one."""
    return np.argsort(-objective, kind="stable")[: max(1, round(kept * len(objective)))]


def scores(frequency: np.ndarray, sizes: np.ndarray, exponent: float = 1.0) -> np.ndarray:
    """s_i = sum_k (1 / k) sum_l v_i^{k,l} (eq. 8): higher is more suspicious; (n,) from counts (K, n) and sizes (K,).

    ``exponent`` other than the paper's 1 weights the sizes by another power of 1 / k.
    """
    return (frequency / np.asarray(sizes, dtype=np.float64)[:, None] ** exponent).sum(0)


def detect(
    weights: np.ndarray | Factors,
    detector: dict[str, Any],
    seed: int,
    device: str = "cpu",
    *,
    threads: int = 1,
    storage: str = "float32",
    overwrite: bool = False,
    progress: Callable[[list[int]], Iterable[int]] = iter,
) -> dict[str, np.ndarray]:
    """Search and scores by one detector.

    Args:
        weights: W (n, n), rows training examples, columns targets; or its factors, on a CPU and one thread.
        detector: ``sizes``, ``restarts``, ``starts``, ``kept`` (see ``search`` and ``frequencies``) and ``self_influence``:
            whether W keeps its diagonal, each example's effect on its own margin, as eq. 7 has it.
        device: where the search runs; on a GPU all restarts of a size at once.
        threads: restarts that are searched at once on a CPU. storage: of W + W', "float32" or "float16".
        overwrite: whether W + W' takes the place of W, as it is stored, so that one matrix is all that is in memory.
        progress: see ``search_pairs``.

    Returns:
        See ``summarize``.
    """
    if isinstance(weights, Factors):
        settings = {"starts": detector["starts"], "self_influence": detector["self_influence"], "progress": progress}
        found = search_factors(weights, detector["sizes"], detector["restarts"], seed=seed, **settings)
        return summarize(found, len(weights.scale), detector["kept"])
    out = weights if overwrite else np.empty(weights.shape, dtype=storage)
    pairs = searched(pair_sums(weights, out=out, threads=threads), detector)
    return summarize(solve(pairs, detector, seed, device, threads, progress), len(weights), detector["kept"])


def searched(pairs: Pairs, detector: dict[str, Any]) -> Pairs:
    """W + W' as a detector sees it: with each example's effect on its own margin, or without."""
    return pairs if detector["self_influence"] else pairs.without_self()


def solve(
    pairs: Pairs,
    detector: dict[str, Any],
    seed: int,
    device: str = "cpu",
    threads: int = 1,
    progress: Callable[[list[int]], Iterable[int]] = iter,
) -> Solutions:
    """The search of one detector on what ``searched`` made; other arguments as of ``detect``."""
    arguments = {"seed": seed, "starts": detector["starts"], "progress": progress}
    if device == "cpu":
        return search_pairs(pairs, detector["sizes"], detector["restarts"], threads=threads, **arguments)
    from rethinking_backdoors.detection.batched import search_batched  # only here: torch takes seconds to import

    return search_batched(pairs, detector["sizes"], detector["restarts"], device=device, **arguments)


def summarize(found: Solutions, n: int, kept: float) -> dict[str, np.ndarray]:
    """What a search is worth to its user.

    Returns:
        ``score`` (n,), ``size`` (K,), ``objective`` and ``certified`` (K, R), ``frequency`` (K, n), and ``solution`` (K, n)
        bool, the best set of each size.
    """
    frequency = frequencies(found, n, kept)
    return {
        "score": scores(frequency, found.sizes),
        "size": found.sizes,
        "objective": found.objective,
        "certified": found.certified,
        "frequency": frequency,
        "solution": found.best(n),
    }


def number_of(share: float, n: int) -> int:
    """A share of n examples as a number, rounded down; 0.29 of 100 are 29, although that product of floats is a little less."""
    return int(share * n + 1e-9)


def ranking(score: np.ndarray, seed: int) -> np.ndarray:
    """The examples from most to least suspicious, (n,) int64; equal scores are ordered by a seeded draw, never by position."""
    return np.lexsort((np.random.default_rng(seed).random(len(score)), -score))
