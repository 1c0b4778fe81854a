import numpy as np
import pytest

from rethinking_backdoors.defenses import robust


def distance(covariance, estimated):
    """The largest relative error of a variance in any direction."""
    root = robust.inverse_root(covariance)
    return np.abs(np.linalg.eigvalsh(root @ estimated @ root) - 1).max()


@pytest.fixture(params=[0, 1, 2])
def gaussian(request):
    """2,000 examples of a Gaussian in ten dimensions with a known covariance, as (values, covariance, generator)."""
    rng = np.random.default_rng(request.param)
    factor = rng.standard_normal((10, 10))
    covariance = factor @ factor.T + np.eye(10)
    return rng.standard_normal((2000, 10)) @ np.linalg.cholesky(covariance).T, covariance, rng


@pytest.mark.parametrize("kind", ["cluster", "wide", "shifted"])
def test_a_known_covariance_is_recovered_under_planted_outliers(gaussian, kind):
    values, covariance, rng = gaussian
    direction = np.linalg.cholesky(covariance) @ (lambda u: u / np.linalg.norm(u))(rng.standard_normal(10))
    planted = {
        "cluster": 5 * direction + 0.3 * rng.standard_normal((200, 10)),
        "wide": 4 * values[:200],
        "shifted": values[:200] + 5 * direction,
    }
    values[:200] = planted[kind]
    mean, estimated = robust.estimate(values, 200)
    assert distance(covariance, np.cov(values.T)) > 1
    assert distance(covariance, estimated) < 0.25
    root = robust.inverse_root(covariance)
    assert np.linalg.norm(root @ mean) < 0.2
    if kind != "wide":
        assert np.linalg.norm(root @ values.mean(0)) > 0.4


def test_clean_examples_are_left_alone(gaussian):
    values = gaussian[0]
    mean, estimated = robust.estimate(values, 200)
    assert np.allclose(mean, values.mean(0))
    assert np.allclose(estimated, np.cov(values.T, bias=True))


def test_nothing_is_left_out_where_nothing_can_be_planted(gaussian):
    values = gaussian[0]
    values[:200] *= 10
    assert robust.covariance_filter(values, 0).all()
    assert robust.mean_filter(values, 0).all()


def test_the_widest_quadratic_form_by_full_decomposition():
    white = np.random.default_rng(0).standard_normal((300, 4)) * [1, 1, 2, 1]
    products = np.einsum("ij,ik->ijk", white, white).reshape(300, 16)
    variances, forms = np.linalg.eigh(np.cov(products.T, bias=True))
    variance, projected = robust.widest_quadratic(white)
    assert variance == pytest.approx(variances[-1], rel=1e-3)
    assert np.abs(np.corrcoef(projected, products @ forms[:, -1])[0, 1]) > 0.999


def test_gaussian_forms_have_variance_two():
    white = np.random.default_rng(0).standard_normal((200_000, 3))
    assert robust.widest_quadratic(white)[0] == pytest.approx(2, rel=0.05)


def test_one_dimension():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((1000, 1)) * 3
    values[:100] = 30
    mean, covariance = robust.estimate(values, 100)
    assert np.abs(mean).max() < 0.5
    assert covariance[0, 0] == pytest.approx(9, rel=0.2)


def test_the_inverse_root_leaves_flat_directions_flat():
    root = robust.inverse_root(np.diag([4.0, 0.0, 9.0]))
    assert np.allclose(root, np.diag([0.5, 0, 1 / 3]))
