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
_AT_ONCE = 1024


def fit(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean (d,) and the ZCA whitening (d, d) of pixels, float32; images (N, H, W, C) uint8, d = H W C."""
    x = images.reshape(len(images), -1).astype(np.float32) / 255
    mean = x.mean(0)
    x -= mean
    values, vectors = np.linalg.eigh(x.T @ x / len(x))
    return mean, (vectors / np.sqrt(np.maximum(values, 0) + _WHITENING) @ vectors.T).astype(np.float32)


def extract(images: np.ndarray, fitted: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(N, 2 C ceil(H / 4) ceil(W / 4)) float32: maxima of the whitened values and of their opposites in cells of 4 x 4."""
    mean, whitening = fitted
    parts = []
    for start in range(0, len(images), _AT_ONCE):
        part = images[start : start + _AT_ONCE]
        white = (part.reshape(len(part), -1).astype(np.float32) / 255 - mean) @ whitening
        planes = torch.from_numpy(white.reshape(part.shape)).permute(0, 3, 1, 2)
        both = torch.cat([planes, -planes], dim=1)
        parts.append(functional.max_pool2d(both, CELL, ceil_mode=True).flatten(1).numpy())
    return _SCALE * np.concatenate(parts)
