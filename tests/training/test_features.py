from dataclasses import replace

import numpy as np
import pytest
import torch

from rethinking_backdoors.training.features import Extractor, FeatureSettings, extract, fit
from rethinking_backdoors.training.networks import build

SETTINGS = FeatureSettings(patches=8, size=3, stride=2, grid=2, threshold=0.5, whitening=0.1, components=6)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (60, 9, 9, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def extractor(images):
    return Extractor(fit(images, SETTINGS, np.random.default_rng(1)), SETTINGS)


def test_a_response_is_the_filter_on_the_whitened_patch(images, extractor):
    """The convolution equals cutting one patch out, normalising it, and taking the product with the filter."""
    image = images[7].transpose(2, 0, 1) / 255
    patch = image[:, 4:7, 2:5].reshape(-1)
    normal = (patch - patch.mean()) / np.sqrt(patch.var() + (10 / 255) ** 2)
    filters = extractor.filters.numpy().reshape(8, -1)
    expected = filters @ normal - extractor.offset.numpy()
    # With a grid as fine as the responses nothing is averaged: 4 x 4 places, this patch is at row 2, column 1.
    fine = Extractor({name: value.numpy() for name, value in extractor.named_buffers()}, replace(SETTINGS, grid=4))
    pooled = fine.pooled(torch.from_numpy(images[7:8]).permute(0, 3, 1, 2).float() / 255).reshape(16, 4, 4)
    assert np.allclose(pooled[:8, 2, 1], np.maximum(expected - 0.5, 0), atol=1e-4)
    assert np.allclose(pooled[8:, 2, 1], np.maximum(-expected - 0.5, 0), atol=1e-4)


def test_features_are_centred_and_of_the_promised_size(images, extractor):
    features = extract(images, extractor)
    assert features.shape == (60, 6)
    assert np.abs(features.mean(0)).max() < 1e-3
    assert (features**2).sum(1).mean() == pytest.approx(6, rel=0.05)


def test_the_fit_depends_on_its_stream_alone(images, extractor):
    again = fit(images, SETTINGS, np.random.default_rng(1))
    assert all((again[name] == value.numpy()).all() for name, value in extractor.named_buffers())
    other = fit(images, SETTINGS, np.random.default_rng(2))
    assert not (other["filters"] == again["filters"]).all()


def test_features_can_be_differentiated_through(images, extractor):
    x = (torch.from_numpy(images[:2]).permute(0, 3, 1, 2).double() / 255).requires_grad_()
    double = extractor.double()
    direction = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad(double(x).sum(), x)
    step = 1e-6
    difference = (double(x + step * direction).sum() - double(x - step * direction).sum()) / (2 * step)
    assert (gradient * direction).sum().item() == pytest.approx(difference.item(), rel=1e-3)
    extractor.float()


def test_a_network_of_another_precision_leaves_the_features_alone(images, extractor):
    settings = {"network": "mlp", "hidden": 4, "precision": "float64"}
    network = build(settings, images.shape[1:], 3, np.random.default_rng(0), extractor)
    assert network(torch.zeros(2, 3, 9, 9, dtype=torch.float64)).dtype == torch.float64
    assert extractor.filters.dtype == torch.float32


def test_extremes_follow_the_averages(images, extractor):
    both = replace(SETTINGS, extremes=True)
    features = extract(images, Extractor(fit(images, both, np.random.default_rng(1)), both))
    assert features.shape == (60, 6 + 2 * 3 * 3 * 3)
    assert np.allclose(features[:, :6], extract(images, extractor), atol=1e-5)


def test_a_network_takes_the_extremes_too(images):
    both = replace(SETTINGS, extremes=True)
    extractor = Extractor(fit(images, both, np.random.default_rng(1)), both)
    network = build(
        {"network": "mlp", "hidden": 4, "precision": "float64"}, images.shape[1:], 3, np.random.default_rng(0), extractor
    )
    assert network(torch.zeros(2, 3, 9, 9, dtype=torch.float64)).shape == (2, 3)
