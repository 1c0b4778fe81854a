"""What a defense is measured against: as many examples removed at random, exactly the poison, and one plain statistic of margins.

They are no defenses: ``true`` knows the poison, and none searches. ``margin_sd`` is what anybody can compute from the margins of
many models without masks.
"""

import numpy as np

from rethinking_backdoors.defenses.removal import highest_scores
from rethinking_backdoors.detection.scores import number_of

NAMES = ("random", "true", "margin_sd")


def yardsticks(
    poison: np.ndarray, deviation: np.ndarray, share: float, rng: np.random.Generator, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Of each of ``NAMES`` what it removes, sorted, and its scores (n,) if it has any.

    Args:
        poison: (p,) the poisoned examples. deviation: (n,), of each example's margin over the models.
        share: how many are removed, but for ``true``; as the detectors do. rng: draws ``random``. seed: of ties.
    """
    drawn = rng.choice(len(deviation), number_of(share, len(deviation)), replace=False)
    return {
        "random": (np.sort(drawn), None),
        "true": (np.sort(poison), None),
        "margin_sd": (highest_scores(deviation, share, seed), deviation),
    }
