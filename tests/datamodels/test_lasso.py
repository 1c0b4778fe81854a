import warnings

import numpy as np
import pytest
import torch
from sklearn import linear_model
from worlds import linear

from rethinking_backdoors.datamodels import Lasso, pack
from rethinking_backdoors.datamodels.backend import backend
from rethinking_backdoors.datamodels.design import Design
from rethinking_backdoors.datamodels.proximal import Standardised
from rethinking_backdoors.datamodels.scaling import mask_deviation, raw_from_standardised, standardised_from_raw

DEVICES = [None, "cpu"]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("m", [120, 40, 25])
@pytest.mark.parametrize("penalty", [0.02, 0.3])
def test_at_one_penalty_it_is_scikit_learns_on_standardised_columns(device, m, penalty):
    masks, _, margins = linear(m, 60, 4)
    fitted = Lasso(penalty, tolerance=1e-6, sweeps=20000, device=device).fit(masks, margins)
    z = (masks - masks.mean(0)) / masks.std(0)
    for target in range(4):
        theirs = linear_model.Lasso(alpha=penalty, tol=1e-9, max_iter=200_000).fit(z, margins[:, target])
        assert np.allclose(fitted.coef_standardised_[:, target], theirs.coef_, atol=1e-3)
        assert np.allclose(fitted.predict(masks)[:, target], theirs.predict(z), atol=1e-3)
    assert fitted.converged_


@pytest.mark.parametrize("device", DEVICES)
def test_the_penalty_is_the_one_whose_path_predicts_held_out_models_best(device):
    masks, _, margins = linear(150, 40, 6, noise=2, density=0.2)
    fitted = Lasso(tolerance=1e-5, device=device).fit(masks, margins)
    held = np.arange(150) % 10 == 9
    known, mean = masks[~held], masks[~held].mean(0)
    z, tests = (known - mean) / known.std(0), (masks[held] - mean) / known.std(0)
    for target in range(6):
        f, level = margins[~held, target], margins[~held, target].mean()
        first = np.abs(z.T @ (f - level)).max() / len(z)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn's words on convergence at the smallest penalties
            penalties, path, _ = linear_model.lasso_path(z, f - level, alphas=first * np.geomspace(1, 0.01, 30), tol=1e-7)
        errors = ((margins[held, target] - level)[:, None] - tests @ path) ** 2
        errors = errors.sum(0)
        # The path ends once three penalties in a row were no better, so a later, lower valley is not looked for.
        best = 0
        for k in range(30):
            if k - best > 3:
                break
            best = k if errors[k] < errors[best] else best
        assert fitted.penalty_[target] == pytest.approx(penalties[best], rel=1e-4)
        # The weights are those of a refit on all models.
        whole = (masks - masks.mean(0)) / masks.std(0)
        theirs = linear_model.Lasso(alpha=fitted.penalty_[target], tol=1e-8).fit(whole, margins[:, target])
        assert np.allclose(fitted.coef_standardised_[:, target], theirs.coef_, atol=2e-3)


@pytest.mark.parametrize("device", DEVICES)
def test_planted_sparse_weights_are_recovered(device):
    masks, weights, margins = linear(400, 300, 12, noise=0.5, density=0.02, size=150)
    fitted = Lasso(device=device).fit(masks, margins)
    strong = np.abs(weights) > 0.5
    assert strong.sum() > 20
    assert np.allclose(fitted.coef_[strong], weights[strong], atol=0.35)
    assert np.abs(fitted.coef_[weights == 0]).max() < 0.15
    # Least squares through so few models for so many examples cannot tell them apart so well.
    assert (fitted.coef_[weights == 0] == 0).mean() > 0.7


def test_threads_change_nothing():
    masks, _, margins = linear(60, 20, 11)
    assert (Lasso(threads=3).fit(masks, margins).coef_ == Lasso().fit(masks, margins).coef_).all()


def test_units_convert_and_at_one_half_differ_by_two():
    masks, _, margins = linear(100, 24, 3, size=12)
    deviation = mask_deviation(pack([masks]))
    assert np.allclose(deviation, masks.std(0))
    weights = np.random.default_rng(0).standard_normal((24, 3)).astype(np.float32)
    assert np.allclose(raw_from_standardised(standardised_from_raw(weights, deviation), deviation), weights, atol=1e-6)
    halves = np.repeat([[True, False], [False, True]], 5, axis=0)
    assert np.allclose(standardised_from_raw(weights[:2], mask_deviation(halves)), weights[:2] / 2)
    fitted = Lasso(0.05).fit(masks, margins)
    assert np.allclose(fitted.coef_standardised_, fitted.coef_ * masks.std(0)[:, None], atol=1e-6)


@pytest.mark.parametrize("device", DEVICES)
def test_a_constant_target_has_no_weights_and_too_few_sweeps_are_told(device):
    masks, _, margins = linear(60, 20, 3)
    margins[:, 1] = 4
    fitted = Lasso(device=device).fit(masks, margins)
    assert (fitted.coef_[:, 1] == 0).all()
    assert fitted.intercept_[1] == 4
    assert fitted.converged_
    assert not Lasso(1e-4, tolerance=1e-7, sweeps=1, device=device).fit(masks, margins).converged_


def test_what_it_cannot_do_is_refused():
    masks, _, margins = linear(19, 5, 2)
    with pytest.raises(ValueError, match="at least 20"):
        Lasso().fit(masks, margins)
    with pytest.raises(ValueError, match="above 0"):
        Lasso(np.array([0.1, 0.0]))


def test_the_standardised_gram_matrix_need_not_be_formed():
    rng = np.random.default_rng(3)
    masks, at = rng.random((12, 30)) < 0.5, backend("cpu")
    masks[0], masks[1] = True, False
    z = (masks - masks.mean(0)) / masks.std(0)
    columns = torch.from_numpy(rng.standard_normal((30, 4)).astype(np.float32))
    square = Standardised(Design(masks, at), masks.std(0), at)
    assert len(square) == 30
    assert np.allclose((square @ columns).numpy(), z.T @ (z @ columns.numpy()) / 12, atol=1e-4)
