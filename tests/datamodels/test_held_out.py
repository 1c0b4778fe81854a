import numpy as np
import pytest
from scipy.stats import spearmanr
from worlds import all_halves, linear

from rethinking_backdoors.datamodels import (
    ESTIMATORS,
    DifferenceInMeans,
    Ridge,
    estimator_of,
    fidelity,
    fit_with_fidelity,
    pack,
    weights_of,
)


def test_it_is_the_mean_of_scipys_rank_correlation_and_the_plain_error(monkeypatch):
    masks, weights, margins = linear(30, 12, 5)
    margins = np.round(margins)  # ties
    intercept = np.arange(5.0)
    monkeypatch.setattr("rethinking_backdoors.datamodels.held_out._TARGETS_AT_ONCE", 2)
    found = fidelity(weights, intercept, pack([masks]), [margins[:20], margins[20:]])
    guess = masks @ weights + intercept
    assert found["lds"] == pytest.approx(np.mean([spearmanr(guess[:, j], margins[:, j])[0] for j in range(5)]), abs=1e-3)
    errors = ((guess - margins) ** 2).mean(0)
    assert (found["mse"], found["mse_largest"]) == pytest.approx((errors.mean(), errors.max()), rel=1e-5)
    assert found["variance"] == pytest.approx(margins.var(0).mean())
    assert found["models"] == 30


def test_a_noiseless_linear_world_is_predicted_and_noise_is_not():
    masks, _, margins = linear(400, 20, 30, noise=0)
    _, found = fit_with_fidelity(Ridge, masks, margins)
    assert found["lds"] > 0.999
    assert found["mse"] < 1e-3 * found["variance"]
    assert found["models"] == 40
    masks, _, margins = linear(400, 20, 30, density=0)
    _, found = fit_with_fidelity(Ridge, masks, margins)
    assert abs(found["lds"]) < 0.1
    assert found["mse"] == pytest.approx(found["variance"], rel=0.1)


def test_the_difference_in_means_predicts_a_linear_world_of_exact_sizes():
    masks = all_halves(8)
    weights = np.random.default_rng(0).standard_normal((8, 5))
    fitted = DifferenceInMeans().fit(masks, masks @ weights + 3)
    # Its weights are w minus the mean of the others: n / (n - 1) times the centred w, and so is what it predicts.
    centred = (masks - 0.5) @ weights
    assert np.allclose(fitted.predict(masks), weights.sum(0) / 2 + 3 + centred * 8 / 7, atol=1e-4)
    assert fidelity(fitted.coef_, fitted.intercept_, masks, masks @ weights)["lds"] == pytest.approx(1, abs=1e-3)


def test_the_weights_in_use_come_from_all_models_and_the_measurement_from_none_of_its_own():
    masks, _, margins = linear(60, 10, 4)
    fitted, found = fit_with_fidelity(DifferenceInMeans, masks, margins)
    assert (fitted.coef_ == DifferenceInMeans().fit(masks, margins).coef_).all()
    held = np.arange(60) % 10 == 9
    known = DifferenceInMeans().fit(masks[~held], margins[~held])
    assert found == fidelity(known.coef_, known.intercept_, masks[held], margins[held])


def test_a_target_without_weights_counts_as_nothing():
    masks, weights, margins = linear(30, 6, 2, noise=0)
    weights[:, 1] = 0
    assert fidelity(weights, np.zeros(2), masks, margins)["lds"] == pytest.approx(0.5, abs=1e-3)


def test_every_name_makes_weights_of_the_right_orientation():
    masks, _, margins = linear(120, 10, 10, noise=0.1, density=0)
    margins[:, 4] += masks[:, 2]
    for name in ESTIMATORS:
        weights = weights_of(name)(masks, margins)
        assert np.unravel_index(weights.argmax(), weights.shape) == (2, 4), name


def test_bad_input_is_refused():
    masks, weights, margins = linear(30, 6, 2)
    with pytest.raises(ValueError, match="two held-out"):
        fidelity(weights, np.zeros(2), masks[:1], margins[:1])
    with pytest.raises(ValueError, match="columns"):
        fidelity(weights[:, :1], np.zeros(1), masks, margins)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_device_is_torchs_and_the_cpu_is_numpys(name):
    assert estimator_of(name)().device is None
    made = estimator_of(name, "cuda:1", threads=3)()
    assert made.device == "cuda:1"
    assert getattr(made, "threads", 3) == 3
