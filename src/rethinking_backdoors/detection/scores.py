"""Scores: how often an example is in the solutions (paper, eq. 8)."""

from typing import Any

import numpy as np

from rethinking_backdoors.detection.pairs import pair_sums
from rethinking_backdoors.detection.search import Solutions, search_pairs


def frequencies(solutions: Solutions, n: int, kept: float = 1.0) -> np.ndarray:
    """The number of solutions of each size that contain each example, (K, n) float64.

    Args:
        kept: share of the restarts of a size that count, those with the highest objective (at least one); 1 is the paper's.
    """
    counts = np.zeros((len(solutions.sizes), n))
    for row, (members, objective) in enumerate(zip(solutions.members, solutions.objective, strict=True)):
        best = np.argsort(-objective, kind="stable")[: max(1, round(kept * len(objective)))]
        np.add.at(counts[row], members[best], 1)
    return counts


def scores(frequency: np.ndarray, sizes: np.ndarray, exponent: float = 1.0) -> np.ndarray:
    """s_i = sum_k (1 / k) sum_l v_i^{k,l} (eq. 8): higher is more suspicious; (n,) from counts (K, n) and sizes (K,).

    ``exponent`` other than the paper's 1 weights the sizes by another power of 1 / k.
    """
    return (frequency / np.asarray(sizes, dtype=np.float64)[:, None] ** exponent).sum(0)


def detect(weights: np.ndarray, detector: dict[str, Any], seed: int, device: str = "cpu") -> dict[str, np.ndarray]:
    """Search and scores by one detector.

    Args:
        weights: W (n, n), rows training examples, columns targets.
        detector: ``sizes``, ``restarts``, ``starts``, ``kept`` (see ``search`` and ``frequencies``) and ``self_influence``:
            whether W keeps its diagonal, each example's effect on its own margin, as eq. 7 has it.
        device: where the search runs; on a GPU all restarts of a size at once.

    Returns:
        See ``summarize``.
    """
    pairs = pair_sums(weights)
    if not detector["self_influence"]:
        pairs = pairs.without_self()
    arguments = {"seed": seed, "starts": detector["starts"]}
    if device == "cpu":
        found = search_pairs(pairs, detector["sizes"], detector["restarts"], **arguments)
    else:
        from rethinking_backdoors.detection.batched import search_batched  # only here: torch takes seconds to import

        found = search_batched(pairs, detector["sizes"], detector["restarts"], device=device, **arguments)
    return summarize(found, len(weights), detector["kept"])


def summarize(found: Solutions, n: int, kept: float) -> dict[str, np.ndarray]:
    """What a search is worth to its user.

    Returns:
        ``score`` (n,), ``size`` (K,), ``objective`` and ``certified`` (K, R), ``frequency`` (K, n), and ``solution`` (K, n)
        bool, the best set of each size.
    """
    frequency = frequencies(found, n, kept)
    solution = np.zeros(frequency.shape, dtype=bool)
    for row, (members, objective) in enumerate(zip(found.members, found.objective, strict=True)):
        solution[row, members[objective.argmax()]] = True
    return {
        "score": scores(frequency, found.sizes),
        "size": found.sizes,
        "objective": found.objective,
        "certified": found.certified,
        "frequency": frequency,
        "solution": solution,
    }


def ranking(score: np.ndarray, seed: int) -> np.ndarray:
    """The examples from most to least suspicious, (n,) int64; equal scores are ordered by a seeded draw, never by position."""
    return np.lexsort((np.random.default_rng(seed).random(len(score)), -score))
