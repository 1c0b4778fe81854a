import itertools

import numpy as np
import pytest

from rethinking_backdoors.datamodels import DifferenceInMeans, halves_of
from rethinking_backdoors.detection.groups import half_octaves, judge, otsu, permuted_deviation, strongest


def planted(seed, n=60, members=12, models=800, effect=0.3, noise=1.0):
    """Masks and margins (models, n) in which the first ``members`` of one label lift one another's margins."""
    rng = np.random.default_rng(seed)
    masks = rng.permuted(np.arange(models * n).reshape(models, n) % 2 == 0, axis=1)
    margins = noise * rng.standard_normal((models, n))
    margins[:, :members] += effect * masks[:, :members].sum(1, keepdims=True)
    return masks, margins.astype(np.float32)


def test_a_planted_group_is_found_and_its_strength_is_the_effect_that_was_planted():
    masks, margins = planted(0)
    found = strongest(masks, margins, np.arange(60), [6, 12, 24], seed=0)
    assert found.sets[0, 1, :12].all()
    assert found.sets[1, 1, :12].all()
    assert found.overlap[1] == 1
    # Each member moves the eleven others by 0.3, and nobody else moves anything.
    assert found.strength[1] == pytest.approx(0.3 * 11, rel=0.06)
    assert found.humps[1] > 0.9
    assert (found.gain[1, :12] > otsu(found.gain[1])[1]).all()
    assert (found.gain[1, 12:] < otsu(found.gain[1])[1]).all()


def test_in_noise_the_group_of_one_half_is_worth_nothing_on_the_other():
    strengths = [strongest(*planted(seed, effect=0), np.arange(60), [12], seed=0).strength[0] for seed in range(12)]
    deviation = permuted_deviation(*planted(0, effect=0), np.arange(60) < 12)
    # The half models' noise is larger by the root of 2, and the mean of two directions smaller by it.
    assert abs(np.mean(strengths)) < 4 * deviation / np.sqrt(12)


def test_examples_of_other_labels_do_not_matter():
    masks, margins = planted(1)
    other = np.random.default_rng(2).standard_normal((800, 9)).astype(np.float32)
    wider = (
        np.concatenate([masks[:, :20], masks[:, :9], masks[:, 20:]], axis=1),
        np.concatenate([margins[:, :20], other, margins[:, 20:]], axis=1),
    )
    members = np.concatenate([np.arange(20), np.arange(29, 69)])
    alone = strongest(masks, margins, np.arange(60), [12], seed=0)
    among = strongest(*wider, members, [12], seed=0)
    assert np.allclose(alone.strength, among.strength)
    assert (alone.sets == among.sets).all()


def test_strength_and_gains_are_the_means_that_they_are_called():
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((9, 9))
    np.fill_diagonal(weights, 0)
    v = np.isin(np.arange(9), (1, 4, 7))
    (strength,), (gain,) = judge(weights, v[None])
    for j in range(9):
        inside, outside = ([i for i in range(9) if v[i] == side and i != j] for side in (True, False))
        assert gain[j] == pytest.approx(weights[inside, j].mean() - weights[outside, j].mean())
    k, n = 3, 9
    expected = n / (k * (n - k)) * (weights[np.ix_(v, v)].sum() - k / n * weights[:, v].sum())
    assert strength == pytest.approx(expected)


def test_otsu_is_the_best_of_all_cuts():
    values = np.random.default_rng(3).standard_normal(11)
    best = 0.0
    for size in range(1, 11):
        low, high = np.sort(values)[:size], np.sort(values)[size:]
        within = ((low - low.mean()) ** 2).sum() + ((high - high.mean()) ** 2).sum()
        best = max(best, 1 - within / ((values - values.mean()) ** 2).sum())
    share, threshold = otsu(values)
    assert share == pytest.approx(best)
    assert otsu(np.array([0.0, 0.1, 5.0, 5.1])) == pytest.approx((0.9996, 2.55), abs=1e-4)
    assert otsu(np.ones(5))[0] == 0
    assert (values > threshold).any()


def test_the_deviation_under_permuted_masks_is_that_of_a_thousand_permutations():
    masks, margins = planted(4, n=30, models=60)
    group, rng, drawn = np.arange(30) < 7, np.random.default_rng(5), []
    for _ in range(1000):
        weights = DifferenceInMeans().fit(masks[rng.permutation(60)], margins).coef_.astype(np.float64)
        drawn.append((weights[group][:, group].sum() - 7 / 30 * weights[:, group].sum()) * 30 / (7 * 23))
    # The standard error of a standard deviation of 1,000 draws is 2.2 percent.
    assert permuted_deviation(masks, margins, group) == pytest.approx(np.std(drawn), rel=0.1)


def test_all_permutations_of_a_tiny_case():
    rng = np.random.default_rng(6)
    masks = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1]], dtype=bool)
    margins, group = rng.standard_normal((5, 4)), np.array([True, True, False, False])
    values = []
    for order in itertools.permutations(range(5)):
        weights = DifferenceInMeans().fit(masks[list(order)], margins).coef_.astype(np.float64)
        values.append((weights[group][:, group].sum() - 0.5 * weights[:, group].sum()) * 4 / (2 * 2))
    assert permuted_deviation(masks, margins, group) == pytest.approx(np.std(values), rel=1e-5)


def test_sizes_are_half_octaves_and_no_group_is_more_than_half_of_its_label():
    assert half_octaves(10, 160) == [10, 14, 20, 28, 40, 57, 80, 113, 160]
    masks, margins = planted(7)
    assert strongest(masks, margins, np.arange(30), [10, 14, 20], seed=0).sizes.tolist() == [10, 14]


def test_halves_share_no_model():
    masks, margins = planted(8, models=40)
    even, odd = halves_of(lambda a, b: DifferenceInMeans("group").fit(a, b).coef_, masks, margins)
    assert np.allclose(even, DifferenceInMeans("group").fit(masks[::2], margins[::2]).coef_)
    assert np.allclose(odd, DifferenceInMeans("group").fit(masks[1::2], margins[1::2]).coef_)
