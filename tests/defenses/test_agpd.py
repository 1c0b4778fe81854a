"""AGPD, where gradients are worked out by hand or two clusters of them are planted."""

import numpy as np
import pytest
import torch

from rethinking_backdoors.defenses import agpd
from rethinking_backdoors.defenses.interface import Oracle, TrainingSet
from rethinking_backdoors.training.learner import Learner


def test_a_gradient_is_the_weights_of_the_label_where_units_are_on():
    module = torch.nn.Sequential(torch.nn.Linear(2, 3, bias=False), torch.nn.ReLU(), torch.nn.Linear(3, 2, bias=False))
    module[0].weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    module[2].weight.data = torch.tensor([[3.0, 4.0, 5.0], [0.0, 2.0, 8.0]])
    rows, assigned = agpd.gradients(module, torch.tensor([[1.0, 1.0], [-1.0, 1.0]]), torch.tensor([0, 1]))
    assert np.allclose(rows, [[3 / 5, 4 / 5, 0], [0, 2 / 68**0.5, 8 / 68**0.5]])
    assert assigned.tolist() == [0, 1]


def cluster(direction, count, rng, spread=0.05):
    rows = np.eye(6)[direction] + spread * rng.standard_normal((count, 6))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_gap_is_that_of_the_two_most_unlike():
    rows = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert agpd.gap(rows, np.array([1.0, 0.0])) == (pytest.approx(1.0), 2)
    assert agpd.gap(rows[:2], np.array([1.0, 0.0]))[0] == pytest.approx(0.0)


def test_classes_stand_out_by_robust_deviations_or_else_by_the_gap_itself():
    settings = agpd.Settings(tau=0.3)
    assert agpd.standing_out(np.array([0.1, 0.11, 0.09, 0.1, 0.8]), settings).tolist() == [False] * 4 + [True]
    assert agpd.standing_out(np.array([0.1, 0.2, 0.3, 0.4, 0.5]), settings).tolist() == [False, False, False, True, True]
    assert not agpd.standing_out(np.array([0.1, 0.12, 0.14, 0.16]), settings).any()


def test_a_planted_cluster_grows_from_one_of_its_examples_and_no_further():
    rng = np.random.default_rng(0)
    rows = np.concatenate([cluster(0, 60, rng), cluster(1, 25, rng)])
    seed = int((rows @ np.eye(6)[0]).argmin())
    among, r = agpd.grown(rows, np.eye(6)[0], seed, agpd.Settings(tau=0.3))
    assert np.flatnonzero(among).tolist() == list(range(60, 85))
    assert r[60:].max() < 0.5 < r[:60].min()


RECIPE = {
    "network": "mlp", "hidden": 32, "epochs": 40, "batch_size": 20, "peak_lr": 0.2, "peak_epoch": 4,
    "momentum": 0.9, "weight_decay": 0.0, "models_at_once": 1,
}  # fmt: skip


def test_labels_that_were_given_at_random_are_found_with_ten_clean_examples_a_class():
    """Every tenth example of four classes carries a mark and a wrong label: its gradient is that of another class's units."""
    rng = np.random.default_rng(0)
    true = np.repeat(np.arange(4), 100)
    values = (rng.standard_normal((400, 8)) * 0.3 + 2 * np.eye(8)[true]).astype(np.float32)
    poison, labels = np.arange(0, 400, 10), true.copy()
    values[poison, 7], labels[poison] = 3, (true[poison] + 1) % 4
    known = np.repeat(np.arange(4), 10)
    clean = (rng.standard_normal((40, 8)) * 0.3 + 2 * np.eye(8)[known]).astype(np.float32)
    examples = TrainingSet(values, labels, values, lambda inputs, labels: Learner(inputs, labels, RECIPE))
    found = agpd.defend(examples, agpd.Settings(tau=0.3), Oracle(clean=(clean, known)), np.random.default_rng(0))
    ranked = np.argsort(-found.score)[: len(poison)]
    assert len(np.intersect1d(ranked, poison)) >= 36
    assert len(np.setdiff1d(found.removed, poison)) <= 4
