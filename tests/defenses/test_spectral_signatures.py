import numpy as np
import pytest

from rethinking_backdoors.defenses import spectral_signatures as ss
from rethinking_backdoors.defenses.interface import Oracle, TrainingSet


class Activations:
    nb_classes, layer_names = 2, ("last",)

    def get_activations(self, x, layer, batch_size):
        return x


@pytest.fixture(scope="module")
def examples():
    rng = np.random.default_rng(0)
    values, labels = rng.standard_normal((200, 8)) * np.arange(1, 9), np.arange(200) % 2
    return TrainingSet(values + 3, labels, values + 3, None)


def theirs(values, labels, share):
    pytest.importorskip("art", reason="adversarial-robustness-toolbox is not installed")
    from art.defences.detector.poison import SpectralSignatureDefense

    report, _ = SpectralSignatureDefense(
        Activations(), values, labels, expected_pp_poison=share, eps_multiplier=1.0
    ).detect_poison()
    return report


def test_the_released_variant_agrees_with_an_independent_implementation(examples):
    report = theirs(examples.representations, examples.labels, 0.15)
    found = ss.defend(examples, ss.Settings("released", 0.15), Oracle(), np.random.default_rng(0))
    assert np.sort(found.removed).tolist() == sorted(report)
    assert len(found.removed) == 30
    assert np.allclose(found.score[list(report)], list(report.values()))


def test_the_paper_s_variant_agrees_where_the_representations_are_centred(examples):
    # The other implementation does not centre before it projects: on centred representations it is the paper's algorithm.
    values = examples.representations.copy()
    for label in (0, 1):
        values[examples.labels == label] -= values[examples.labels == label].mean(0)
    centred = TrainingSet(values, examples.labels, values, None)
    found = ss.defend(centred, ss.Settings("paper", 1.5), Oracle(poisoned=10), np.random.default_rng(0))
    report = theirs(values, examples.labels, 0.15)
    assert np.sort(found.removed).tolist() == sorted(report)
    assert np.allclose(found.score[list(report)], np.square(list(report.values())))


def test_scores_by_hand():
    # The class varies along the first axis only, round (3, 1): the direction is that axis.
    values = np.array([[0.0, 1.0], [2.0, 1.0], [3.0, 1.0], [7.0, 1.0]])
    assert np.allclose(ss.scores(values, "paper"), [9, 1, 0, 16])
    assert np.allclose(ss.scores(values, "released"), [0, 2, 3, 7])


def test_the_target_class_if_told_else_every_class(examples):
    settings, rng = ss.Settings("paper", 1.5), np.random.default_rng(0)
    told = ss.defend(examples, settings, Oracle(target_class=1, poisoned=10), rng)
    assert len(told.removed) == 15
    assert (examples.labels[told.removed] == 1).all()
    assert np.isneginf(told.score[examples.labels == 0]).all()
    everywhere = ss.defend(examples, settings, Oracle(poisoned=10), rng)
    assert np.bincount(examples.labels[everywhere.removed]).tolist() == [15, 15]
    assert set(told.removed) < set(everywhere.removed)


def test_what_it_must_be_told(examples):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="poisoned"):
        ss.defend(examples, ss.Settings("paper", 1.5), Oracle(target_class=1), rng)
    with pytest.raises(ValueError, match="label 7"):
        ss.defend(examples, ss.Settings("paper", 1.5), Oracle(target_class=7, poisoned=3), rng)
    with pytest.raises(ValueError, match="squared"):
        ss.defend(examples, ss.Settings("squared", 1.5), Oracle(poisoned=3), rng)
    assert len(ss.defend(examples, ss.Settings("paper", 1.5), Oracle(poisoned=0), rng).removed) == 0
    assert len(ss.defend(examples, ss.Settings("paper", 1.5), Oracle(poisoned=500), rng).removed) == 200
