from functools import partial

import numpy as np
import pytest

from rethinking_backdoors.defenses import inverse_self_paced as ispl
from rethinking_backdoors.defenses.interface import Oracle, TrainingSet
from rethinking_backdoors.training.learner import Learner

SETTINGS = ispl.Settings(
    bags=3, rounds=8, share=0.12, remaining=0.04, expansion=0.25, momentum=0.9,
    warm_up=4, refit=4, core=10, growths=20, growth=2, memory=0.8,
)  # fmt: skip
TRAINING = {
    "network": "mlp", "hidden": 16, "epochs": 10, "batch_size": 20, "peak_lr": 0.2, "peak_epoch": 2,
    "momentum": 0.9, "weight_decay": 5e-4, "models_at_once": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def incompatible():
    """Five classes of 120 told apart by five inputs; 30 of class 0 have another class's inputs and a mark: (set, planted)."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), 120)
    looks, planted = labels.copy(), np.arange(30)
    looks[planted] = rng.integers(1, 5, 30)
    inputs = 0.3 * rng.standard_normal((600, 7)) + np.eye(7)[looks]
    inputs[planted, 6] = 1
    inputs = inputs.astype(np.float32)
    return TrainingSet(inputs, labels, inputs, partial(Learner, training=TRAINING)), planted


def test_an_incompatible_planted_subset_is_separated(incompatible):
    examples, planted = incompatible
    found = ispl.defend(examples, SETTINGS, Oracle(), np.random.default_rng(1))
    assert np.isin(planted, found.removed).mean() > 0.9
    assert np.isin(np.arange(30, 600), found.removed).mean() < 0.05
    # Trained on everything, the same network fits the planted examples as well as the others.
    learner = examples.learner(examples.inputs, examples.labels)
    _, predicted = learner.evaluate(learner.fit(np.arange(600), np.random.default_rng(2), 40))
    assert (predicted[planted] == 0).mean() > 0.9


class Recorder:
    """A ``Learner`` whose losses are given, and that remembers what it was asked."""

    def __init__(self, losses):
        self.losses, self.calls = losses, []

    def fit(self, subset, rng, epochs=None, start=None):
        self.calls.append((subset, epochs, start))
        return len(self.calls)

    def evaluate(self, network):
        return self.losses, np.zeros(len(self.losses), dtype=np.int64)


def test_the_kept_share_falls_from_three_times_to_once():
    learner, labels, active = Recorder(np.arange(1000.0)), np.zeros(1000, dtype=np.int64), np.arange(1000)
    core = ispl.core_set(learner, labels, active, SETTINGS, np.random.default_rng(0))
    assert core.tolist() == list(range(120))
    assert [(epochs, start) for _, epochs, start in learner.calls] == [(4, None), (4, 1), (4, 2), (4, 3), (4, 4)]
    subsets = [subset for subset, _, _ in learner.calls]
    # Half of all at first, then a quarter of the best 36, 24, 12 and 12 percent.
    assert 400 < len(subsets[0]) < 600
    for subset, best in zip(subsets[1:], (360, 240, 120, 120), strict=True):
        assert subset.max() < best
        assert best / 8 < len(subset) < best / 2.5


def test_later_rounds_take_their_share_of_all_and_the_last_what_is_left():
    learner, labels = Recorder(np.arange(1000.0)), np.zeros(1000, dtype=np.int64)
    core = ispl.core_set(learner, labels, np.arange(500, 1000), SETTINGS, np.random.default_rng(0))
    assert core.tolist() == list(range(500, 620))
    assert learner.calls[0][0].tolist() == list(range(500, 1000))
    left = np.arange(900, 1000)
    assert ispl.core_set(learner, labels, left, SETTINGS, np.random.default_rng(0)).tolist() == left.tolist()


def test_a_bag_uses_up_the_examples_once():
    learner = Recorder(np.arange(1000.0))
    votes = ispl.bag(learner, np.zeros(1000, dtype=np.int64), SETTINGS, np.random.default_rng(0))
    cores = [subset for subset, epochs, start in learner.calls if epochs == 10]
    # Eight rounds of 12 percent; the last would begin with 16 percent left.
    assert len(votes) == len(cores) == 8
    assert np.concatenate(cores).tolist() == list(range(960))


def test_no_class_vanishes():
    loss, labels = np.arange(100.0), np.repeat([0, 1], 50)
    kept = ispl.trimmed(loss, labels, 0.4)
    # 40 of all, all of class 0; an eighth of 40 percent of class 1's 50 examples, from the 0.05 quantile.
    assert np.flatnonzero(kept).tolist() == [*range(40), 50, 51, 52]


def test_votes_by_hand():
    predictions = np.array([[0, 1, 1, 2], [0, 1, 0, 1], [0, 0, 1, 0]])
    kept = ispl.agreed(predictions, np.array([0, 1, 0, 2]), np.random.default_rng(0))
    # The last example has one vote for every class, which is not enough.
    assert kept.tolist() == [True, True, False, False]
    tied = [ispl.agreed(np.array([[0], [0], [1], [1]]), np.array([1]), np.random.default_rng(s))[0] for s in range(40)]
    assert 5 < sum(tied) < 35


def test_the_final_set_grows_by_what_its_network_gets_right():
    labels = np.array([0, 0, 0, 1])
    learner = Recorder(np.zeros(4))
    right = ispl.grow(learner, labels, np.array([True, False, False, False]), SETTINGS, np.random.default_rng(0))
    assert [subset.tolist() for subset, _, _ in learner.calls] == [[0]] + [[0, 1, 2]] * 19
    assert np.allclose(right, [1 - 0.5 * 0.8**20] * 3 + [0.5 * 0.8**20])
    with pytest.raises(ValueError, match="kept nothing"):
        ispl.grow(learner, labels, np.zeros(4, dtype=bool), SETTINGS, np.random.default_rng(0))
