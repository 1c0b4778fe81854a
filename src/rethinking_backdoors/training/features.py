"""Fixed random-patch features: what lets a small network on a CPU learn natural images.

Random patches of images that are not trained on become filters; their rectified responses, averaged over a coarse grid, are
standardised and reduced to their principal components. Nothing here is trained on labels. Source: Coates, Lee and Ng 2011
(single-layer networks), with patches themselves as the dictionary. ``extremes`` are added where single pixels are to get through.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from rethinking_backdoors.training import extremes

# Images whose responses, a few megabytes, stay in the cache; larger ones would be faulted in anew from the system each time.
_AT_ONCE = 50
# Added to a patch's variance (pixels in [0, 1]) so that flat patches are not blown up.
_FLAT = (10 / 255) ** 2


@dataclass(frozen=True)
class FeatureSettings:
    """The configuration's section ``features``.

    Attributes:
        patches: number of filters. size: their side in pixels. stride: step between patches, in pixels.
        grid: responses are averaged over grid x grid cells.
        threshold: subtracted before rectifying, in units of the whitened response (about 1 in size).
        whitening: added to the eigenvalues of the patches' covariance.
        components: length of the result.
        extremes: whether the maxima of ``extremes`` follow.
    """

    patches: int
    size: int
    stride: int
    grid: int
    threshold: float
    whitening: float
    components: int
    extremes: bool = False


class Extractor(torch.nn.Module):
    """Maps images (N, C, H, W) in [0, 1] to features (N, components and extremes); differentiable.

    Args:
        arrays: what ``fit`` returned.
        settings: the settings that it was fitted with.
    """

    filters: torch.Tensor
    offset: torch.Tensor
    center: torch.Tensor
    projection: torch.Tensor
    mean: torch.Tensor
    whitening: torch.Tensor

    def __init__(self, arrays: dict[str, np.ndarray], settings: FeatureSettings):
        super().__init__()
        self.settings = settings
        for name, array in arrays.items():
            # Not persistent: what is saved of a network on features is the network.
            self.register_buffer(name, torch.from_numpy(array), persistent=False)

    def pooled(self, images: torch.Tensor) -> torch.Tensor:
        """The rectified responses averaged over the grid, (N, 2 patches grid^2)."""
        size, stride = self.settings.size, self.settings.stride
        mean = functional.avg_pool2d(images, size, stride).mean(1, keepdim=True)
        square = functional.avg_pool2d(images**2, size, stride).mean(1, keepdim=True)
        deviation = (square - mean**2).clamp_min(0).add(_FLAT).sqrt()
        # Filters on contrast-normalised, centred patches, without cutting these out: a filter without its mean centres.
        centred = self.filters - self.filters.mean((1, 2, 3), keepdim=True)
        response = functional.conv2d(images, centred, stride=stride)
        response = torch.addcmul(-self.offset.view(1, -1, 1, 1), response, 1 / deviation)
        # What exceeds the threshold, upwards and downwards; averages are linear, so the second is the first minus both.
        both = functional.softshrink(response, self.settings.threshold)
        cells = [functional.adaptive_avg_pool2d(values, self.settings.grid) for values in (both.relu(), both)]
        return torch.cat([cells[0], cells[0] - cells[1]], dim=1).flatten(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        averages = (self.pooled(images) - self.center) @ self.projection
        if not self.settings.extremes:
            return averages
        return torch.cat([averages, extremes.maxima(images, self.mean, self.whitening)], dim=1)


def fit(images: np.ndarray, settings: FeatureSettings, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draws the filters and fits whitening, standardisation and components.

    Args:
        images: (N, H, W, C) uint8 images that are used for nothing else.

    Returns:
        ``filters`` (patches, C, size, size), ``offset`` (patches,), ``center`` (2 patches grid^2,) and ``projection`` (2 patches
        grid^2, components), float32, and with extremes what ``extremes.fit`` returns. The averages have mean square norm
        ``components`` on ``images``.
    """
    from sklearn.decomposition import PCA

    patches = _patches(images, settings.size, 100 * settings.patches, rng)
    mean = patches.mean(0)
    values, vectors = np.linalg.eigh(np.cov(patches.T))
    whiten = vectors / np.sqrt(values + settings.whitening) @ vectors.T
    chosen = (patches[: settings.patches] - mean) @ whiten
    chosen /= np.linalg.norm(chosen, axis=1, keepdims=True)
    filters = chosen @ whiten
    shape = (settings.patches, images.shape[3], settings.size, settings.size)
    arrays = {
        "filters": filters.reshape(shape).astype(np.float32),
        "offset": (filters @ mean).astype(np.float32),
        "center": np.zeros(1, np.float32),
        "projection": np.zeros((1, 1), np.float32),
    }
    pooled = _batched(Extractor(arrays, settings).pooled, images)
    deviation = pooled.std(0) + 1e-8
    reduced = PCA(settings.components, svd_solver="covariance_eigh").fit((pooled - pooled.mean(0)) / deviation)
    scale = np.sqrt(settings.components / reduced.explained_variance_.sum())
    projection = scale * reduced.components_.T / deviation[:, None]
    arrays |= {"center": pooled.mean(0).astype(np.float32), "projection": projection.astype(np.float32)}
    return arrays | extremes.fit(images) if settings.extremes else arrays


def extract(images: np.ndarray, extractor: Extractor) -> np.ndarray:
    """Features (N, components and extremes) float32 of images (N, H, W, C) uint8."""
    return _batched(extractor, images)


def _batched(function: Callable[[torch.Tensor], torch.Tensor], images: np.ndarray) -> np.ndarray:
    """A function of images (B, C, H, W) in [0, 1], a batch at a time and without gradients."""
    with torch.no_grad():
        x = torch.from_numpy(images).permute(0, 3, 1, 2)
        return torch.cat([function(part.float() / 255) for part in x.split(_AT_ONCE)]).numpy()


def _patches(images: np.ndarray, size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Random contrast-normalised patches, (count, C size size) float64, channels first."""
    which = rng.integers(len(images), size=count)
    top, left = (rng.integers(images.shape[axis] - size + 1, size=count) for axis in (1, 2))
    cut = np.stack([images[i, t : t + size, c : c + size] for i, t, c in zip(which, top, left, strict=True)])
    flat = cut.transpose(0, 3, 1, 2).reshape(count, -1) / 255
    return (flat - flat.mean(1, keepdims=True)) / np.sqrt(flat.var(1, keepdims=True) + _FLAT)
