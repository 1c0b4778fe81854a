"""FTrojan (Wang et al. 2022): two frequencies of the colour planes are raised, and images get the target class's label.

RGB to luma and two colour planes, of each colour plane the orthonormal two-dimensional cosine transform, the highest and a
middle coefficient raised by ``magnitude``, and back. Published for 32 x 32: coefficients (31, 31) and (15, 15), magnitude 20
or 30. Grey images have their one plane raised. A coefficient moves single pixels by little and is spread over all of them: a
smaller image needs as much less.
"""

from dataclasses import dataclass

import numpy as np
from scipy.fft import dctn, idctn

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.triggers import Trigger

# Luma of red, green and blue, and the scales of the two colour differences (ITU-R BT.601).
_LUMA, _RED, _BLUE = np.array([0.299, 0.587, 0.114]), 0.713, 0.564


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        magnitude: added to either coefficient, on the scale 0..255.
    """

    magnitude: float = 20.0


eligible = parts.others


def triggered(images: np.ndarray, trigger: Trigger, settings: Settings) -> np.ndarray:
    """See ``registry``; takes no notice of the trigger's rectangles."""
    values = images.astype(np.float64)
    if images.shape[3] == 1:
        return parts.pixels(raised(values[..., 0], settings.magnitude)[..., None])
    luma = values @ _LUMA
    red = raised(_RED * (values[..., 0] - luma), settings.magnitude) / _RED + luma
    blue = raised(_BLUE * (values[..., 2] - luma), settings.magnitude) / _BLUE + luma
    green = (luma - _LUMA[0] * red - _LUMA[2] * blue) / _LUMA[1]
    return parts.pixels(np.stack([red, green, blue], axis=-1))


def raised(planes: np.ndarray, magnitude: float) -> np.ndarray:
    """Planes (N, H, W) float64 with the highest and the middle frequency of either direction raised."""
    coefficients = dctn(planes, axes=(1, 2), norm="ortho")
    height, width = planes.shape[1:]
    for row, column in ((height - 1, width - 1), (height // 2 - 1, width // 2 - 1)):
        coefficients[:, row, column] += magnitude
    return idctn(coefficients, axes=(1, 2), norm="ortho")
