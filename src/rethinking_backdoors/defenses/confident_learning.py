"""Confident learning (Northcutt, Jiang and Chuang 2021), its ranking by self-confidence: which labels do networks not expect that
have not seen them?

The examples are split into folds; the loss of each is that of a network trained on the other folds. What is removed is a share,
the least expected first; the published thresholds estimate how many labels are wrong.
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.defenses.interface import Oracle, Removal, TrainingSet
from rethinking_backdoors.defenses.removal import highest_scores

ORACLE = ()


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        folds: how many. rounds: how often the examples are split anew. share: of the examples, that is removed.
    """

    folds: int
    rounds: int
    share: float


def defend(examples: TrainingSet, settings: Settings, oracle: Oracle, rng: np.random.Generator) -> Removal:
    """Removes the examples of the highest mean loss, each under networks that it was left out of."""
    learner = examples.learner(examples.inputs, examples.labels)
    loss = np.zeros(len(examples.labels))
    for _ in range(settings.rounds):
        for fold in np.array_split(rng.permutation(len(loss)), settings.folds):
            others = np.setdiff1d(np.arange(len(loss)), fold)
            loss[fold] += learner.evaluate(learner.fit(others, rng))[0][fold] / settings.rounds
    return Removal(highest_scores(loss, settings.share, int(rng.integers(2**31))), loss)
