"""BppAttack, its part in the data (Wang, Zhai and Ma 2022): fewer levels of colour, and the target class's label; covers carry
another image's rounding error and keep theirs.

x' = round(x / 255 (levels - 1)) / (levels - 1) 255, without dithering, as published. Published: 8 levels, as many covers as
poisoned images.
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.triggers import Trigger


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        levels: of each channel. covers: how many for each poisoned image.
    """

    levels: int = 8
    covers: float = 1.0


eligible = coverable = parts.others


def cover(images: np.ndarray, trigger: Trigger, settings: Settings, rng: np.random.Generator) -> np.ndarray:
    """See ``registry``: to each image the rounding error of the one before it."""
    error = triggered(images, trigger, settings).astype(np.float64) - images
    return parts.pixels(images + np.roll(error, 1, axis=0))


def triggered(images: np.ndarray, trigger: Trigger, settings: Settings) -> np.ndarray:
    """See ``registry``; takes no notice of the trigger's rectangles."""
    steps = settings.levels - 1
    return parts.pixels(np.rint(images / 255 * steps) / steps * 255)
