"""Isolation forest (Liu, Ting and Zhou 2008) on the representations of each class: what anybody would try first."""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.defenses.interface import Oracle, Removal, TrainingSet, suspect_classes
from rethinking_backdoors.defenses.removal import highest_scores

ORACLE = ()


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        trees: of each class's forest. share: of all examples, that is removed.
    """

    trees: int
    share: float


def defend(examples: TrainingSet, settings: Settings, oracle: Oracle, rng: np.random.Generator) -> Removal:
    """Removes the examples that are isolated by the fewest cuts, in whichever class."""
    from sklearn.ensemble import IsolationForest

    seed = int(rng.integers(2**31))
    score = np.empty(len(examples.labels))
    for members in suspect_classes(examples.labels, oracle):
        values = examples.representations[members]
        score[members] = -IsolationForest(n_estimators=settings.trees, random_state=seed).fit(values).score_samples(values)
    return Removal(highest_scores(score, settings.share, seed), score)
