"""Adap-Blend (Qi et al. 2023): in training a pattern of which half is hidden, on poisoned images and on covers that keep their
label; at test time the whole pattern.

The image is cut into pieces x pieces tiles, of which each image shows a random half. Published: 4 x 4 tiles, opacity .15 in
training and .2 at test time, as many covers as poisoned images.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.blended import noise
from rethinking_backdoors.attacks.triggers import Trigger
from rethinking_backdoors.errors import InputError


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        opacity: of the pattern in training. shown: at test time. pattern: seed of its noise.
        pieces: tiles a side. covers: how many for each poisoned image.
    """

    opacity: float = 0.15
    shown: float = 0.2
    pattern: int = 0
    pieces: int = 4
    covers: float = 1.0


eligible = coverable = parts.others


def make(
    images: np.ndarray,
    labels: np.ndarray,
    trigger: Trigger,
    settings: Settings,
    rng: np.random.Generator,
    perturb: Callable | None,
) -> tuple[np.ndarray, np.ndarray]:
    """See ``registry``."""
    return cover(images, trigger, settings, rng), parts.unvaried(images)


def cover(images: np.ndarray, trigger: Trigger, settings: Settings, rng: np.random.Generator) -> np.ndarray:
    """See ``registry``: images (p, H, W, C) with a random half of the pattern's tiles each."""
    (height, width), tiles = images.shape[1:3], settings.pieces
    if height % tiles or width % tiles:
        raise InputError(
            f"adap_blend cuts images into {tiles} x {tiles} tiles, which {height} x {width} pixels are no multiple of."
        )
    order = rng.permuted(np.tile(np.arange(tiles**2), (len(images), 1)), axis=1)
    hidden = (order < tiles**2 // 2).reshape(-1, tiles, tiles)
    hidden = hidden.repeat(height // tiles, axis=1).repeat(width // tiles, axis=2)[..., None]
    pattern = noise(images.shape[1:], settings.pattern)
    mixed = (1 - settings.opacity) * images + settings.opacity * pattern
    return parts.pixels(np.where(hidden, images, mixed))


def triggered(images: np.ndarray, trigger: Trigger, settings: Settings) -> np.ndarray:
    """See ``registry``; takes no notice of the trigger's rectangles."""
    pattern = noise(images.shape[1:], settings.pattern)
    return parts.pixels((1 - settings.shown) * images + settings.shown * pattern)
