"""Features that a single odd pixel gets through: the largest whitened values in cells of a picture.

Averages over patches (``features``) hide a trigger of one pixel. Whitening makes what neighbours do not predict large, and a
maximum over a cell keeps it.
"""

import numpy as np
import torch
from torch.nn import functional

CELL = 4
# Added to the eigenvalues of the pixels' covariance (pixels in [0, 1]), and the size of the features beside those of
# ``features``.
_WHITENING, _SCALE = 0.01, 0.6


def fit(images: np.ndarray) -> dict[str, np.ndarray]:
    """The ``mean`` (d,) and the ZCA ``whitening`` (d, d) of pixels, float32; images (N, H, W, C) uint8, d = C H W."""
    x = images.transpose(0, 3, 1, 2).reshape(len(images), -1).astype(np.float32) / 255
    mean = x.mean(0)
    x -= mean
    values, vectors = np.linalg.eigh(x.T @ x / len(x))
    whitening = vectors / np.sqrt(np.maximum(values, 0) + _WHITENING) @ vectors.T
    return {"mean": mean, "whitening": whitening.astype(np.float32)}


def maxima(images: torch.Tensor, mean: torch.Tensor, whitening: torch.Tensor) -> torch.Tensor:
    """The largest whitened values, and the largest of their opposites, in cells of 4 x 4.

    Args:
        images: (N, C, H, W) in [0, 1]. mean, whitening: what ``fit`` returned.

    Returns:
        (N, 2 C ceil(H / 4) ceil(W / 4)).
    """
    white = ((images.flatten(1) - mean) @ whitening).view(images.shape)
    return _SCALE * functional.max_pool2d(torch.cat([white, -white], dim=1), CELL, ceil_mode=True).flatten(1)
