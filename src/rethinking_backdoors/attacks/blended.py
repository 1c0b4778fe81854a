"""Blended (Chen et al. 2017): a pattern over the whole image, mixed in, and the target class's label.

x' = (1 - opacity) x + opacity t. The pattern t is uniform noise of a fixed seed, where the paper took a cartoon; the paper and
BackdoorBench mix 20 % in, in training and at test time.
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.triggers import Trigger

eligible = parts.others


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        opacity: of the pattern. pattern: seed of its noise.
    """

    opacity: float = 0.2
    pattern: int = 0


def noise(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """The pattern: (H, W, C) float64, whole numbers 0..255."""
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.float64)


def triggered(images: np.ndarray, trigger: Trigger, settings: Settings) -> np.ndarray:
    """See ``registry``; takes no notice of the trigger's rectangles."""
    pattern = noise(images.shape[1:], settings.pattern)
    return parts.pixels((1 - settings.opacity) * images + settings.opacity * pattern)
