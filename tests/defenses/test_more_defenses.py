"""Detectors beyond the paper's baselines, where the answer is planted."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from rethinking_backdoors.defenses import confident_learning, deep_neighbours, early_loss, influence_graph, isolation_forest, trak
from rethinking_backdoors.defenses.interface import Oracle, TrainingSet
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.training.learner import Learner

N = 200


class Losses:
    """A learner whose losses are given."""

    def __init__(self, losses):
        self.losses, self.epochs = losses, []

    def fit(self, subset, rng, epochs=None, start=None):
        self.epochs.append(epochs)
        return len(self.epochs) - 1

    def evaluate(self, network):
        return self.losses[network], np.zeros(N, dtype=int)


def examples(representations, labels, learner=None):
    return TrainingSet(np.arange(N), labels, representations, lambda inputs, labels: learner)


def world(seed=0):
    """Two classes told apart by one number; twenty examples of the first carry the second's label and a number of their own."""
    rng = np.random.default_rng(seed)
    labels = np.arange(N) % 2
    values = rng.standard_normal((N, 6))
    values[:, 0] += 16 * labels
    poisoned = rng.choice(np.flatnonzero(labels == 0), 20, replace=False)
    values[:, 5] = 0.5 * rng.standard_normal(N)
    values[poisoned, 5] += 2
    labels[poisoned] = 1
    return values, labels, poisoned


def test_an_edge_is_what_leaving_an_example_out_costs_the_other():
    values, labels, _ = world()
    weights = influence_graph.edges(values, labels, damping=0.0)
    assert np.allclose(weights, weights.T, atol=1e-3 * np.abs(weights).max())
    standard = (values - values.mean(0)) / values.std(0)
    rng, found, true = np.random.default_rng(1), [], []

    def losses(kept):
        fitted = LogisticRegression(C=1.0, max_iter=1000, tol=1e-10).fit(standard[kept], labels[kept])
        return -np.log(fitted.predict_proba(standard)[np.arange(N), labels])

    whole = losses(np.arange(N))
    for removed in rng.choice(N, 12, replace=False):
        changed = losses(np.delete(np.arange(N), removed)) - whole
        others = np.delete(np.arange(N), removed)
        found.append(weights[removed, others])
        true.append(changed[others])
    assert np.corrcoef(np.concatenate(found), np.concatenate(true))[0, 1] > 0.8


def test_the_influence_graph_finds_examples_that_need_one_another():
    values, labels, poisoned = world()
    settings = influence_graph.Settings(share=0.1, damping=0.01, sizes=(10, 20, 40), restarts=20)
    found = influence_graph.defend(examples(values, labels), settings, Oracle(), np.random.default_rng(0))
    assert len(found.removed) == 20
    assert len(set(found.removed) & set(poisoned)) >= 18


def test_the_lowest_mean_losses_are_removed():
    losses = np.random.default_rng(0).random((2, N)) + 1
    losses[:, :10] = 0.1
    learner = Losses(losses)
    settings = early_loss.Settings(epochs=3, networks=2, share=0.05)
    found = early_loss.defend(examples(np.zeros((N, 1)), np.zeros(N), learner), settings, Oracle(), np.random.default_rng(0))
    assert found.removed.tolist() == list(range(10))
    assert learner.epochs == [3, 3]
    assert np.allclose(found.score, -losses.sum(0))
    told = early_loss.defend(
        examples(np.zeros((N, 1)), np.zeros(N), Losses(losses)), settings, Oracle(poisoned=4), np.random.default_rng(0)
    )
    assert len(told.removed) == 4
    assert set(told.removed) <= set(range(10))


@pytest.mark.parametrize("label", [0, 1])
def test_an_isolation_forest_looks_at_every_class_by_itself(label):
    rng = np.random.default_rng(2)
    labels = np.arange(N) % 2
    values = rng.standard_normal((N, 4)) + 10 * labels[:, None]  # the classes are far apart
    odd = np.flatnonzero(labels == label)[:5]
    values[odd] += rng.choice([-5, 5], (5, 4))
    settings = isolation_forest.Settings(trees=100, share=0.05)
    found = isolation_forest.defend(examples(values, labels), settings, Oracle(), np.random.default_rng(0))
    assert set(odd) <= set(found.removed)


def test_neighbours_outvote_a_label_that_is_not_theirs():
    values, labels, poisoned = world()
    values[:, 5] = 0  # the poisoned lie among the class they came from, and are fewer there
    settings = deep_neighbours.Settings(neighbours=30)
    found = deep_neighbours.defend(examples(values, labels), settings, Oracle(), np.random.default_rng(0))
    assert found.removed.tolist() == sorted(poisoned)
    assert found.score[poisoned].min() > 0
    assert np.delete(found.score, poisoned).max() == 0


def test_the_vote_counts_the_nearest_others():
    values = np.array([[0.0], [1.0], [2.1], [10.0], [11.0]])
    labels = np.array([7, 3, 3, 7, 7])
    found = deep_neighbours.defend(
        examples(values, labels), deep_neighbours.Settings(neighbours=2), Oracle(), np.random.default_rng(0)
    )
    assert found.removed.tolist() == [0]  # its neighbours are 3 and 3; the second one's are 7 and 3, a draw
    assert found.score.tolist() == [2, 0, 0, 0, 0]


def test_a_label_that_others_do_not_expect_has_a_high_held_out_loss(blobs):
    training, poison = blobs
    settings = confident_learning.Settings(folds=5, rounds=2, share=1 / 15)
    found = confident_learning.defend(training, settings, Oracle(), np.random.default_rng(0))
    assert found.removed.tolist() == poison.tolist()


def test_no_network_judges_what_it_was_trained_on():
    seen = []

    class Recorder:
        def fit(self, subset, rng, epochs=None, start=None):
            seen.append(set(subset))
            return seen[-1]

        def evaluate(self, network):
            return np.array([1.0 * (index in network) for index in range(N)]), np.zeros(N, dtype=int)

    settings = confident_learning.Settings(folds=4, rounds=3, share=0.1)
    training = examples(np.zeros((N, 1)), np.zeros(N, dtype=int), Recorder())
    found = confident_learning.defend(training, settings, Oracle(), np.random.default_rng(0))
    assert found.score.max() == 0
    assert [len(subset) for subset in seen] == [150] * 12


RECIPE = {
    "network": "mlp", "hidden": 16, "epochs": 20, "batch_size": 20, "peak_lr": 0.2, "peak_epoch": 4,
    "momentum": 0.9, "weight_decay": 0.0, "models_at_once": 1,
}  # fmt: skip


def learned(inputs, labels):
    return Learner(inputs.astype(np.float32), labels, RECIPE)


@pytest.mark.parametrize("networks", [1, 3])
def test_gradients_of_a_few_networks_hold_examples_that_need_one_another_together(networks):
    values, labels, poisoned = world()
    settings = trak.Settings(share=0.1, networks=networks, dimensions=64, sizes=(10, 20, 40), restarts=20)
    made = trak.weights(TrainingSet(values, labels, values, learned), settings, np.random.default_rng(0))
    assert made.shape == (N, N)
    same = np.flatnonzero((labels == 1) & ~np.isin(np.arange(N), poisoned))
    assert made[np.ix_(poisoned, poisoned)].mean() > 5 * abs(made[np.ix_(same, poisoned)].mean())
    found = trak.defend(TrainingSet(values, labels, values, learned), settings, Oracle(), np.random.default_rng(0))
    assert len(found.removed) == 20
    assert found.score[found.removed].min() >= np.delete(found.score, found.removed).max()


def test_networks_in_shared_buffers_have_no_modules():
    with pytest.raises(InputError, match=r"training\.network mlp only"):
        learned(np.zeros((4, 2)), np.array([0, 1, 0, 1])).modules([object()])
