import numpy as np
import pytest

from rethinking_backdoors.data.labelled import Labelled


@pytest.fixture(scope="package")
def table():
    """Makes a set of features in eight labels; ``planted`` others carry a value that nobody has and the label 3."""

    def make(planted=0, seed=0, each=50):
        rng = np.random.default_rng(seed)
        labels = np.repeat(np.arange(8), each)
        values = rng.standard_normal((8, 10))[labels] * 1.2 + rng.standard_normal((len(labels), 10))
        values = np.concatenate([values, np.zeros((len(labels), 1))], axis=1).astype(np.float32)
        poisoned = np.sort(rng.choice(np.flatnonzero(labels != 3), planted, replace=False))
        values[poisoned, 10], labels[poisoned] = 4, 3
        return Labelled(values, labels, columns=[f"c{i}" for i in range(11)]), poisoned

    return make
