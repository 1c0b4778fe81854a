import numpy as np
import pytest

from rethinking_backdoors.defenses import spectral_signatures, spectre
from rethinking_backdoors.defenses.interface import Oracle, TrainingSet

SETTINGS = spectre.Settings(dimensions=100, alpha=4.0, removed=1.5)


def test_the_exponential_is_the_matrix_s_own():
    # Eigenvectors (1, 1) and (1, -1) with eigenvalues 3 and 1: |M| - 1 is 2 and the exponents are alpha and 0.
    moment = np.array([[2.0, 1.0], [1.0, 2.0]])
    high, low = np.exp(4.0), 1.0
    expected = np.array([[high + low, high - low], [high - low, high + low]]) / 2 / (high + low)
    assert np.allclose(spectre.entropy_matrix(moment, 4.0), expected)
    by_element = np.exp(4.0 * (moment - np.eye(2)) / 2)
    assert not np.allclose(by_element / np.trace(by_element), expected, atol=0.01)


def test_alpha_goes_from_the_norm_to_the_projection():
    white = np.random.default_rng(0).standard_normal((500, 3)) * [1, 1, 2]
    assert np.allclose(spectre.entropy_scores(white, 0.0), (white**2).sum(1) / 3)
    widest = np.linalg.svd(white, full_matrices=False)[2][0]
    assert np.allclose(spectre.entropy_scores(white, 500.0), (white @ widest) ** 2, atol=1e-6)


def test_without_a_wide_direction_all_count_alike():
    assert np.allclose(spectre.entropy_matrix(0.5 * np.eye(3), 4.0), np.eye(3) / 3)


def test_principal_components_are_in_order_and_without_flat_ones():
    values = np.random.default_rng(0).standard_normal((50, 4)) * [1, 3, 0, 2] + 7
    reduced = spectre.principal(values, 100)
    assert reduced.shape == (50, 3)
    assert np.allclose(reduced.mean(0), 0)
    assert (np.diff(reduced.var(0)) < 0).all()
    assert spectre.principal(values, 2).shape == (50, 2)


def test_dimensions_tried():
    assert spectre.candidate_dimensions(100) == [1, 4, 9, 16, 25, 36, 49, 64, 81, 100]
    assert spectre.candidate_dimensions(1) == [1]


@pytest.fixture(params=[0, 1, 2])
def hidden(request):
    """525 examples of class 0 that vary most in one direction, 25 of them poisoned and apart in another; 100 of class 1."""
    rng = np.random.default_rng(request.param)
    values = rng.standard_normal((625, 20))
    values[:, 0] *= 20
    values[:25, 1] += 5
    labels = np.repeat([0, 1], [525, 100])
    order = rng.permutation(625)
    poisoned = np.flatnonzero(order < 25)
    return TrainingSet(values[order], labels[order], values[order], None), poisoned


def test_poison_hidden_by_a_dominant_clean_direction_is_found(hidden):
    examples, poisoned = hidden
    told, rng = Oracle(target_class=0, poisoned=25), np.random.default_rng(0)
    found = spectre.defend(examples, SETTINGS, told, rng)
    other = spectral_signatures.defend(examples, spectral_signatures.Settings("paper", 1.5), told, rng)
    assert len(found.removed) == len(other.removed) == 37
    assert np.isin(poisoned, found.removed).mean() > 0.9
    assert np.isin(poisoned, other.removed).mean() < 0.3


def test_every_class_if_the_target_is_not_told(hidden):
    examples, poisoned = hidden
    found = spectre.defend(examples, SETTINGS, Oracle(poisoned=25), np.random.default_rng(0))
    assert np.bincount(examples.labels[found.removed]).tolist() == [37, 37]
    assert np.isin(poisoned, found.removed).mean() > 0.9


def test_what_it_must_be_told(hidden):
    examples, rng = hidden[0], np.random.default_rng(0)
    with pytest.raises(ValueError, match="poisoned"):
        spectre.defend(examples, SETTINGS, Oracle(target_class=0), rng)
    nothing = spectre.defend(examples, SETTINGS, Oracle(poisoned=0), rng)
    assert len(nothing.removed) == 0
    assert np.isfinite(nothing.score).all()
    # More than a class holds: all of it goes.
    assert len(spectre.defend(examples, SETTINGS, Oracle(target_class=1, poisoned=90), rng).removed) == 100
