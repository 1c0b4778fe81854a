"""SIG (Barni, Kallas and Tondi 2019): a sinusoidal signal on images of the target class, which keep their label.

x' = x + amplitude sin(2 pi j frequency / m), j the column of m, in all channels. Published: frequency 6, amplitudes of 20 to
40. At a width of 8 a frequency of 6 is the same as 2.
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.triggers import Trigger

eligible = parts.target


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        frequency: waves in the width of an image. amplitude: on the scale 0..255.
    """

    frequency: int = 6
    amplitude: float = 20.0


def triggered(images: np.ndarray, trigger: Trigger, settings: Settings) -> np.ndarray:
    """See ``registry``; takes no notice of the trigger's rectangles."""
    width = images.shape[2]
    wave = settings.amplitude * np.sin(2 * np.pi * np.arange(width) * settings.frequency / width)
    return parts.pixels(images + wave[None, None, :, None])
