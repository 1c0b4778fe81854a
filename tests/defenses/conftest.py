"""Training sets for the tests of defenses, and a stand-in for training."""

import numpy as np
import pytest

from rethinking_backdoors.defenses.interface import TrainingSet


class NearestMean:
    """A ``Learner`` without training: a network is the mean input of each class; the loss is the distance to the own mean."""

    def __init__(self, inputs, labels):
        self.inputs, self.labels = inputs.reshape(len(inputs), -1).astype(np.float64), labels

    def fit(self, subset, rng, epochs=None, start=None):
        nowhere = np.full(self.inputs.shape[1], 1e6)
        own = [self.inputs[subset][self.labels[subset] == label] for label in range(self.labels.max() + 1)]
        return np.stack([part.mean(0) if len(part) else nowhere for part in own])

    def evaluate(self, network):
        distances = np.linalg.norm(self.inputs[:, None] - network[None], axis=2)
        return distances[np.arange(len(self.labels)), self.labels], distances.argmin(1)


@pytest.fixture
def blobs():
    """Three classes of 60 in 12 dimensions; the last 12 of class 0 carry another class's inputs moved a little: (set, poison)."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 60)
    inputs = rng.standard_normal((180, 12)) + 6 * np.eye(12)[labels]
    poison = np.arange(48, 60)
    inputs[poison] = rng.standard_normal((12, 12)) * 0.5 + 6 * np.eye(12)[1] + 6 * np.eye(12)[5]
    inputs = inputs.astype(np.float32)
    return TrainingSet(inputs, labels, inputs, NearestMean), poison
