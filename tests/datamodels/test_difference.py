from fractions import Fraction

import numpy as np
import pytest
from worlds import all_halves, linear

from rethinking_backdoors.datamodels.difference import DifferenceInMeans, difference_in_means


def test_in_a_linear_world_it_is_each_weight_minus_the_mean_of_the_others():
    weights = np.random.default_rng(0).standard_normal((8, 5))
    masks = all_halves(8)
    fitted = difference_in_means(masks, masks @ weights + 3)
    others = (weights.sum(0) - weights) / 7
    assert np.allclose(fitted, weights - others, atol=1e-5)


def test_it_equals_the_definition_written_out():
    rng = np.random.default_rng(1)
    masks, margins = rng.random((50, 6)) < 0.3, rng.standard_normal((50, 4)).astype(np.float16)
    expected = [
        [margins[masks[:, i], j].mean(dtype=float) - margins[~masks[:, i], j].mean(dtype=float) for j in range(4)]
        for i in range(6)
    ]
    assert np.allclose(difference_in_means(masks, margins), expected, atol=1e-5)


def test_rows_are_training_examples_and_columns_are_targets():
    masks = all_halves(6)
    # Only example 2 matters, and only for target 4.
    margins = np.zeros((len(masks), 6))
    margins[:, 4] = masks[:, 2]
    fitted = difference_in_means(masks, margins)
    assert np.unravel_index(fitted.argmax(), fitted.shape) == (2, 4)
    assert fitted[2, 4] == pytest.approx(1)


def test_blocks_of_targets_change_nothing(monkeypatch):
    rng = np.random.default_rng(2)
    masks, margins = rng.random((40, 7)) < 0.5, rng.standard_normal((40, 7))
    whole = difference_in_means(masks, margins)
    monkeypatch.setattr("rethinking_backdoors.datamodels.base._TARGETS_AT_ONCE", 3)
    assert np.allclose(difference_in_means(masks, margins), whole, atol=1e-6)


def test_weights_stored_in_float16_are_the_rounded_ones(monkeypatch):
    rng = np.random.default_rng(3)
    masks, margins = rng.random((90, 40)) < 0.5, rng.standard_normal((90, 40)).astype(np.float16)
    monkeypatch.setattr("rethinking_backdoors.datamodels.difference._IN_HALF_AT_ONCE", 16)
    whole, half = DifferenceInMeans().fit(masks, margins), DifferenceInMeans(storage="float16").fit(masks, margins)
    assert half.coef_.dtype == np.float16
    assert np.allclose(half.coef_, whole.coef_, rtol=1e-3, atol=1e-4)
    assert np.allclose(half.predict(masks), whole.predict(masks), atol=0.02)
    with pytest.raises(ValueError, match="float16"):
        DifferenceInMeans(storage="bfloat16")


def test_what_cannot_be_estimated_is_refused():
    masks = np.ones((5, 3), dtype=bool)
    with pytest.raises(ValueError, match="every model"):
        difference_in_means(masks, np.zeros((5, 3)))
    with pytest.raises(ValueError, match="must be equal"):
        difference_in_means(masks, np.zeros((4, 3)))


def test_centred_by_group_is_the_definition_written_out():
    masks, _, margins = linear(50, 6, 6)
    centred = margins.copy()
    for j in range(6):
        for group in (masks[:, j], ~masks[:, j]):
            centred[group, j] -= margins[group, j].mean()
    fitted = DifferenceInMeans("group").fit(masks, margins)
    assert np.allclose(fitted.coef_, difference_in_means(masks, centred), atol=1e-5)
    # An example's effect on itself is what tells the groups apart.
    assert np.allclose(np.diag(fitted.coef_), 0, atol=1e-5)
    assert np.abs(fitted.coef_).max() > 0.1


def test_centred_by_model_is_the_definition_written_out():
    masks, _, margins = linear(50, 6, 6, size=3)
    targets = margins - margins.mean(0)
    centred = targets.copy()
    for i in range(50):
        for group in (masks[i], ~masks[i]):
            centred[i, group] -= targets[i, group].mean()
    fitted = DifferenceInMeans("model").fit(masks, margins)
    assert np.allclose(fitted.coef_, difference_in_means(masks, centred), atol=1e-5)
    # How good a model is as a whole does not enter.
    shifted = margins + np.random.default_rng(0).standard_normal((50, 1))
    assert np.allclose(DifferenceInMeans("model").fit(masks, shifted).coef_, fitted.coef_, atol=1e-5)


def test_centring_needs_the_training_examples_as_targets_and_a_known_name():
    masks, _, margins = linear(50, 6, 5)
    for centring in ("group", "model"):
        with pytest.raises(ValueError, match="training examples"):
            DifferenceInMeans(centring).fit(masks, margins)
    with pytest.raises(ValueError, match="one of target, group, model"):
        DifferenceInMeans("none")


def test_with_margins_in_float16_the_weights_are_exact_whatever_the_order_of_the_sums():
    rng = np.random.default_rng(0)
    masks, margins = rng.random((500, 30)) < 0.5, (8 * rng.standard_normal((500, 30))).astype(np.float16)
    found = difference_in_means(masks, margins)
    for order in (rng.permutation(500), rng.permutation(500)):
        assert (difference_in_means(masks[order], margins[order]) == found).all()
    # In rational arithmetic, rounded once.
    values = [[Fraction(float(value)) for value in row] for row in margins[:, :3]]
    for i, j in ((0, 1), (7, 2), (29, 0)):
        inside = [row[j] for row, mask in zip(values, masks[:, i], strict=True) if mask]
        outside = [row[j] for row, mask in zip(values, masks[:, i], strict=True) if not mask]
        exact = sum(inside) / len(inside) - sum(outside) / len(outside)
        assert found[i, j] == pytest.approx(float(exact), rel=1e-7)
