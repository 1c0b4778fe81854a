import numpy as np
import pytest
from sklearn import linear_model
from worlds import linear

from rethinking_backdoors.datamodels import Ridge, ridge
from rethinking_backdoors.datamodels.spectrum import lanczos

# More models than examples, fewer, subsets of exact size, and as many as examples.
SHAPES = [(60, 25, None), (25, 60, None), (60, 24, 12), (24, 60, 30), (30, 30, None)]


@pytest.mark.parametrize(("m", "n", "size"), SHAPES)
def test_it_is_the_closed_form_and_scikit_learns(m, n, size):
    masks, _, margins = linear(m, n, 5, size=size)
    fitted = Ridge(3.0).fit(masks, margins)
    x, f = masks - masks.mean(0), margins - margins.mean(0)
    assert np.allclose(fitted.coef_, np.linalg.solve(x.T @ x + 3 * np.eye(n), x.T @ f), atol=1e-5)
    theirs = linear_model.Ridge(alpha=3.0).fit(masks.astype(float), margins)
    assert np.allclose(fitted.coef_, theirs.coef_.T, atol=1e-5)
    assert np.allclose(fitted.intercept_, theirs.intercept_, atol=1e-4)
    assert np.allclose(fitted.predict(masks), theirs.predict(masks.astype(float)), atol=1e-4)
    assert fitted.coef_.dtype == np.float32


def explicit(masks, margins, penalties):
    """Generalised cross-validation, and leave-one-out errors, from the whole hat matrix."""
    m = len(masks)
    x = masks - masks.mean(0)
    general, left_out = [], []
    for penalty in penalties:
        hat = x @ np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T) + 1 / m
        residual = margins - hat @ margins
        general.append((residual**2).sum() / m / (1 - np.trace(hat) / m) ** 2)
        left_out.append(((residual / (1 - np.diag(hat))[:, None]) ** 2).sum() / m)
    return np.array(general), np.array(left_out)


@pytest.mark.parametrize(("m", "n", "size"), SHAPES)
def test_generalised_cross_validation_is_that_of_the_hat_matrix(m, n, size, monkeypatch):
    masks, _, margins = linear(m, n, 5, size=size, noise=3)
    seen = {}
    monkeypatch.setattr(ridge.Spectrum, "best", lambda spectrum: seen.update(spectrum=spectrum) or 1.0)
    Ridge().fit(masks, margins)
    penalties = np.array([0.5, 3, 20, 100])
    general, left_out = explicit(masks, margins, penalties)
    assert np.allclose(seen["spectrum"].criterion(penalties), general, rtol=1e-3)
    # What it stands for: the error on models left out one at a time.
    assert np.allclose(general, left_out, rtol=0.1)


@pytest.mark.parametrize(("m", "n", "size"), SHAPES)
def test_the_penalty_is_the_best_of_a_fine_grid(m, n, size):
    masks, _, margins = linear(m, n, 5, size=size, noise=3)
    fitted = Ridge().fit(masks, margins)
    grid = fitted.penalty_ * 10 ** np.arange(-1, 1.01, 0.05)
    general, _ = explicit(masks, margins, grid)
    assert explicit(masks, margins, [fitted.penalty_])[0][0] <= general.min() * 1.005
    again = Ridge(fitted.penalty_).fit(masks, margins)
    assert np.allclose(again.coef_, fitted.coef_, atol=1e-6)


@pytest.mark.parametrize(("m", "n"), [(500, 200), (200, 500)])
def test_random_vectors_choose_nearly_the_exact_penalty(m, n, monkeypatch):
    masks, _, margins = linear(m, n, 150, noise=10, size=n // 2)
    exact = Ridge().fit(masks, margins)
    monkeypatch.setattr(ridge, "_EXACT", 10)
    sampled = [Ridge(seed=seed).fit(masks, margins).penalty_ / exact.penalty_ for seed in range(3)]
    assert max(np.abs(np.log(sampled))) < np.log(2)
    assert Ridge(seed=0).fit(masks, margins).penalty_ == pytest.approx(sampled[0] * exact.penalty_)


def test_lanczos_gives_the_spectral_measure():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((40, 60)).astype(np.float32)
    square, start = root @ root.T, rng.standard_normal((40, 3)).astype(np.float32)
    nodes, weights = lanczos(square, start, 24)
    for shift in (10.0, 100.0):
        expected = np.einsum("dp,dp->p", start, np.linalg.solve(square + shift * np.eye(40), start))
        assert np.allclose((weights / (nodes + shift)).sum(1), expected, rtol=1e-4)
    assert np.allclose((weights * nodes).sum(1), np.einsum("dp,de,ep->p", start, square, start), rtol=1e-4)
    # Vectors in two eigenvectors: the rest of the nodes count for nothing.
    vectors = np.linalg.eigh(square)[1][:, [0, -1]].sum(1, keepdims=True)
    nodes, weights = lanczos(square, vectors, 10)
    values = np.linalg.eigvalsh(square)[[0, -1]]
    assert (weights / (nodes + 10)).sum() == pytest.approx((1 / (values + 10)).sum(), rel=1e-3)


def test_a_noiseless_world_is_found_and_pure_noise_is_shrunk():
    masks, weights, margins = linear(200, 20, 4, noise=0)
    assert np.allclose(Ridge().fit(masks, margins).coef_, weights, atol=1e-2)
    masks, weights, margins = linear(200, 20, 4, density=0)
    assert np.abs(Ridge().fit(masks, margins).coef_).max() < 0.05


def test_a_penalty_of_nothing_is_refused():
    for penalty in (0, -1.0):
        with pytest.raises(ValueError, match="above 0"):
            Ridge(penalty)
