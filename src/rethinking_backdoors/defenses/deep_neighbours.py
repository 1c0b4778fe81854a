"""Deep k-NN (Peri et al. 2020): an example whose label is not the most frequent one among its neighbours is removed.

Neighbours are those of the last hidden layer of one network that was trained on all examples. The published rule takes more
neighbours than twice the number of poisoned examples, and is told so; here the number is a setting.
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.defenses.interface import Oracle, Removal, TrainingSet

ORACLE = ()


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        neighbours: how many others are asked.
    """

    neighbours: int


def defend(examples: TrainingSet, settings: Settings, oracle: Oracle, rng: np.random.Generator) -> Removal:
    """Removes examples by the vote of their neighbours; the score is the most frequent label's votes minus the own label's."""
    from sklearn.neighbors import NearestNeighbors

    count = min(settings.neighbours, len(examples.labels) - 1)
    others = NearestNeighbors(n_neighbors=count).fit(examples.representations).kneighbors(return_distance=False)
    labels = np.unique(examples.labels, return_inverse=True)[1]
    votes = np.zeros((len(labels), labels.max() + 1))
    np.add.at(votes, (np.arange(len(labels))[:, None], labels[others]), 1.0)
    score = votes.max(1) - votes[np.arange(len(labels)), labels]
    return Removal(np.flatnonzero(score > 0), score)
