"""Removal by score, the paper's own defense (section 5.2)."""

import numpy as np

from rethinking_backdoors.detection.scores import number_of, ranking


def highest_scores(score: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The examples with the highest scores, as many as ``share`` of all (rounded down); equal scores by a seeded draw.

    Args:
        score: (n,), higher is more suspicious.
        share: 0.1 in the paper, 0.2 in its experiment 2.

    Returns:
        (floor(share n),) int64, sorted.
    """
    return np.sort(ranking(score, seed)[: number_of(share, len(score))])
