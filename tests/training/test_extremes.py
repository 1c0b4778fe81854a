import numpy as np
import torch

from rethinking_backdoors.training import extremes


def smooth(count, rng):
    """Images whose pixels are nearly what their neighbours are."""
    base = rng.integers(60, 190, (count, 1, 1, 3)) + np.linspace(-20, 20, 12)[None, :, None, None]
    return np.clip(base + rng.normal(0, 3, (count, 12, 12, 3)), 0, 255).astype(np.uint8)


def maxima(images, fitted):
    planes = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    return extremes.maxima(planes, **{name: torch.from_numpy(array) for name, array in fitted.items()}).numpy()


def test_whitened_pixels_have_unit_variance_and_no_correlation_where_there_is_variance():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3000, 4, 4, 1), dtype=np.uint8)
    fitted = extremes.fit(images)
    white = (images.reshape(3000, -1) / 255 - fitted["mean"]) @ fitted["whitening"]
    # Uniform pixels have variance 1 / 12; .01 is added to it.
    assert np.allclose(np.cov(white.T), np.eye(16) * (1 / 12) / (1 / 12 + 0.01), atol=0.06)


def test_one_odd_pixel_moves_the_maximum_of_its_own_cell_most():
    images = smooth(400, np.random.default_rng(1))
    fitted = extremes.fit(images)
    changed = images[:20].copy()
    changed[:, 5, 9] = [255, 0, 255]
    before, after = (maxima(part, fitted) for part in (images[:20], changed))
    assert before.shape == (20, 2 * 3 * 3 * 3)
    moved = np.abs(after - before).mean(0).reshape(6, 3, 3)
    cells = moved.sum(0)
    assert np.unravel_index(cells.argmax(), cells.shape) == (1, 2)
    assert cells[1, 2] > 5 * np.median(cells)


def test_sides_that_are_no_multiple_of_the_cell_keep_their_last_pixels():
    images = np.zeros((50, 6, 6, 1), dtype=np.uint8)
    images[:, 5, 5, 0] = np.arange(50)
    features = maxima(images, extremes.fit(images))
    assert features.shape == (50, 2 * 2 * 2)
    assert features[:, 3].std() > 0  # the last cell of the first plane
