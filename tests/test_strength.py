import tracemalloc
from itertools import combinations

import numpy as np
import pytest

from rethinking_backdoors import strength
from rethinking_backdoors.datamodels import difference_in_means, pack
from rethinking_backdoors.margins import arrays


def all_subsets(n, size):
    chosen = list(combinations(range(n), size))
    masks = np.zeros((len(chosen), n), dtype=bool)
    for row, members in zip(masks, chosen, strict=True):
        row[list(members)] = True
    return masks


@pytest.fixture
def world():
    """A linear world: margins are exactly the sum of the weights of the examples in the subset. All halves of ten examples."""
    weights = np.random.default_rng(0).standard_normal((10, 10))
    masks = all_subsets(10, 5)
    return masks, masks @ weights, weights


@pytest.mark.parametrize("support", [[0, 3], [1, 4, 5, 8], [0, 1, 2, 3, 6, 7]])
def test_lemma_1_is_exact_in_a_linear_world(world, support):
    masks, margins, weights = world
    count = masks[:, support].sum(1)
    lower = len(support) // 2
    # Lemma 4: the mean margin grows by exactly h' w between a and a + 1 examples with the feature, whatever a is.
    step = margins[count == lower + 1].mean(0) - margins[count == lower].mean(0)
    assert np.allclose(strength.estimate(weights, np.array(support)), step)


def test_the_estimate_is_the_same_from_the_difference_in_means(world):
    masks, margins, weights = world
    support = np.array([1, 4, 5])
    fitted = difference_in_means(masks, margins)
    # The estimator returns w minus the mean of the other weights, which is w times n / (n - 1) minus a constant of the column.
    assert np.allclose(strength.estimate(fitted, support), strength.estimate(weights, support) * 10 / 9, atol=1e-4)


def test_the_measured_strength_is_the_slope_over_models_without_the_example(world):
    masks, margins, _ = world
    support = np.array([1, 4, 5, 8])
    slopes = strength.measured(masks, margins, support)
    for z in (0, 4):
        free = ~masks[:, z]
        count = masks[free][:, support].sum(1)
        levels, models = np.unique(count, return_counts=True)
        g = [margins[free, z][count == level].mean() for level in levels]
        # Weighted least squares of g(z, k) on k with weights N(z, k), by numpy.
        assert slopes[z] == pytest.approx(np.polyfit(levels, g, 1, w=np.sqrt(models))[0])


def test_self_influence_is_what_the_diagonal_holds():
    weights = np.diag([5.0, 1, 1, 1])
    assert strength.estimate(weights, np.array([0]))[0] == pytest.approx(5)
    assert strength.estimate(weights, np.array([0]), self_influence=False) == pytest.approx([0, 0, 0, 0], abs=1e-12)
    weights[1:, 0] = 0.5
    assert strength.estimate(weights, np.array([0]), self_influence=False) == pytest.approx([-0.5, 0, 0, 0], abs=1e-12)
    assert weights[0, 0] == 5


def test_many_features_at_once_are_each_by_itself_and_in_blocks(world, monkeypatch):
    weights = world[2].astype(np.float32)
    supports = [np.array([0, 3]), np.array([1, 4, 5])]
    monkeypatch.setattr(strength, "_ROWS_AT_ONCE", 4)
    for self_influence, others in ((True, weights), (False, weights * ~np.eye(10, dtype=bool))):
        found = strength.estimates(weights, supports, self_influence)
        for row, support in zip(found, supports, strict=True):
            inside = np.isin(np.arange(10), support)
            assert row == pytest.approx(others[inside].mean(0, dtype=float) - others[~inside].mean(0, dtype=float))


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(world, hole):
    weights = world[2].copy()
    weights[7, 2] = hole
    with pytest.raises(ValueError, match="not finite"):
        strength.estimate(weights, np.array([0, 3]))


@pytest.mark.parametrize("size", [3, 4096])
def test_packed_masks_shards_and_blocks_change_nothing(size, monkeypatch):
    rng = np.random.default_rng(0)
    masks = np.stack([rng.permutation(21) < 10 for _ in range(600)])
    margins, support = rng.standard_normal((600, 21)).astype(np.float16), np.arange(6)
    plain = strength.summarize(masks, margins, support, difference_in_means, np.random.default_rng(1))
    monkeypatch.setattr(strength, "_EXAMPLES_AT_ONCE", size)
    parts = pack([masks[:100], masks[100:]]), [margins[:250], margins[250:]]
    other = strength.summarize(*parts, support, difference_in_means, np.random.default_rng(1))
    for name, values in plain.items():
        np.testing.assert_allclose(other[name], values, rtol=1e-12, atol=1e-12, err_msg=name)
    assert np.allclose(plain["margin_sd"], margins.std(0, dtype=np.float64), rtol=1e-12)


def peak(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_peaks_are_as_stated(monkeypatch):
    for module in (strength, arrays):
        monkeypatch.setattr(module, "_EXAMPLES_AT_ONCE", 100)
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((1500, 1500)).astype(np.float32)
    stated = 8 * (256 * 1500 + 2 * 3 * 1500)
    assert peak(lambda: strength.estimates(weights, [np.arange(9), np.arange(20)], self_influence=False)) < 1.1 * stated
    masks, support = pack([rng.random((4000, 800)) < 0.5]), np.arange(40)
    margins = [rng.standard_normal((2000, 800)).astype(np.float16) for _ in range(2)]
    assert peak(lambda: strength.measured(masks, margins, support)) < 4000 * (10 * 100 + 2 * 40) * 1.1
    assert peak(lambda: strength.k_output(masks, margins, support, np.arange(300))) < 4000 * (11 * 100 + 2 * 40) * 1.1


def test_k_output_of_synthetic_margins():
    rng = np.random.default_rng(0)
    masks = np.stack([rng.permutation(40) < 20 for _ in range(3000)])
    support = np.arange(8)
    count = masks[:, support].sum(1)
    margins = np.zeros((3000, 40))
    margins[:, 0], margins[:, 20] = 2.0 + 0.5 * count, 7.0
    # What a model knows of its own training examples must not enter.
    margins[masks[:, 0], 0] = 1000
    k, g, models = strength.k_output(masks, margins, support, np.array([0, 20]))
    assert (np.diff(k) == 1).all()
    assert len(k) >= 4
    assert np.allclose(g[0], 2.0 + 0.5 * k)
    assert np.allclose(g[1], 7.0)
    assert models.min() >= 15
    expected = [((count == level) & ~masks[:, 0]).sum() for level in k]
    assert models[0].tolist() == expected


def test_numbers_that_are_rare_are_taken_together_to_a_curve():
    """More than a hundred numbers k in 1,000 models: few occur in five models for every example, neighbours together do."""
    rng = np.random.default_rng(1)
    masks = rng.random((1000, 2000)) < 0.5
    support = np.arange(1500)
    margins = np.zeros((1000, 2000))
    examples = np.r_[:20, 1700:1720]
    margins[:, examples] = 0.01 * masks[:, support].sum(1, keepdims=True)
    margins[masks] = 1000
    k, g, models = strength.k_output(masks, margins, support, examples)
    assert len(k) >= 5
    width = k[1] - k[0]
    assert width > 1
    assert (np.diff(k) == width).all()
    assert g == pytest.approx(np.tile(0.01 * k, (40, 1)), abs=0.01 * width / 2)
    assert models.min() >= 5
    count = masks[:, support].sum(1)
    assert models[0].tolist() == [((abs(count - middle) <= width // 2) & ~masks[:, 0]).sum() for middle in k]


def test_the_summary_compares_estimates_and_slopes_of_different_models():
    rng = np.random.default_rng(0)
    masks = np.stack([rng.permutation(40) < 20 for _ in range(2000)])
    support = np.arange(6)
    margins = rng.standard_normal((2000, 40)) * 0.1
    margins[:, :6] += masks[:, :6].sum(1, keepdims=True) * np.linspace(0.5, 1.5, 6)
    found = strength.summarize(masks, margins, support, difference_in_means, rng)
    assert found["poisoned"].sum() == 6
    assert (found["example"][:5] < 6).all()
    assert (found["example"][5:] >= 6).all()
    assert np.allclose(found["measured"][:6], np.linspace(0.5, 1.5, 6), atol=0.05)
    assert np.corrcoef(found["estimate_half"], found["measured_half"])[0, 1] > 0.95
    # If both came from the same models they would agree to the last digit.
    assert not np.allclose(found["estimate_half"], found["estimate"])
    assert np.allclose(found["margin_mean"], margins.mean(0))
    slopes = np.polyfit(found["k"], found["g_poisoned"], 1)[0], np.polyfit(found["k"], found["g_clean"], 1)[0]
    assert slopes[0] == pytest.approx(1, abs=0.1)
    assert slopes[1] == pytest.approx(0, abs=0.05)


def test_too_few_models_for_a_curve_are_refused():
    # Without example 0 two feature examples are seen, without example 1 only one: no k has both.
    masks = np.array([[True, False, False], [False, True, True]])
    with pytest.raises(ValueError, match="train more models"):
        strength.k_output(masks, np.zeros((2, 3)), np.arange(3), np.array([0, 1]))
