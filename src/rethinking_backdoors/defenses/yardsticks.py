"""What a defense is measured against: as many examples removed at random, exactly the poison, and one plain statistic of margins.

They are no defenses: ``true`` knows the poison, and none searches. ``margin_sd`` is what anybody can compute from the margins of
many models without masks.
"""

import numpy as np

from rethinking_backdoors.defenses.removal import highest_scores

NAMES = ("random", "true", "margin_sd")


def relative_to_label(deviation: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The standard deviation of each example's margin over the models (n,), over the median of the examples of its label."""
    median = {label: np.median(deviation[labels == label]) for label in np.unique(labels)}
    return deviation / np.array([max(median[label], np.finfo(np.float64).tiny) for label in labels])


def yardsticks(
    poison: np.ndarray, deviation: np.ndarray, labels: np.ndarray, share: float, rng: np.random.Generator, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Of each of ``NAMES`` what it removes, sorted, and its scores (n,) if it has any.

    Args:
        poison: (p,) the poisoned examples. deviation: (n,), of each example's margin over the models. labels: (n,).
        share: how many are removed, but for ``true``; as the detectors do. rng: draws ``random``. seed: of ties.
    """
    drawn = rng.choice(len(labels), int(share * len(labels)), replace=False)
    score = relative_to_label(deviation, labels)
    return {
        "random": (np.sort(drawn), None),
        "true": (np.sort(poison), None),
        "margin_sd": (highest_scores(score, share, seed), score),
    }
