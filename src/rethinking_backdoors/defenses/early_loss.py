"""Early loss, the isolation step of Anti-Backdoor Learning (Li et al. 2021): after a few epochs what is learnt first has the
lowest loss.

The published method trains with a loss that is held above a floor (gradient ascent below .5), so that what is learnt first
stays apart; the shared trainer has no such loss, and the epochs are few instead. It is told how many are poisoned; without, it
removes a share.
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.defenses.interface import Oracle, Removal, TrainingSet
from rethinking_backdoors.defenses.removal import highest_scores

ORACLE = ("poisoned",)


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        epochs: of the trained networks. networks: whose losses are averaged (published: 1).
        share: of the examples, that is removed where no number is told. removed: how many for each poisoned example where it is.
    """

    epochs: int
    networks: int
    share: float
    removed: float = 1.0


def defend(examples: TrainingSet, settings: Settings, oracle: Oracle, rng: np.random.Generator) -> Removal:
    """Removes the examples of the lowest loss."""
    learner = examples.learner(examples.inputs, examples.labels)
    everything = np.arange(len(examples.labels))
    loss = np.zeros(len(everything))
    for _ in range(settings.networks):
        loss += learner.evaluate(learner.fit(everything, rng, epochs=settings.epochs))[0]
    share = settings.share if oracle.poisoned is None else settings.removed * oracle.poisoned / len(everything)
    return Removal(highest_scores(-loss, min(1.0, share), int(rng.integers(2**31))), -loss)
