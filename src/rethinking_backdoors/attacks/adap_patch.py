"""Adap-Patch (Qi et al. 2023): one of several patches, half transparent, on each poisoned image and on covers that keep their
label; at test time two patches, opaque.

The patches are the trigger's variants. Published: four with opacities of .5, .2, .5 and .3, twice as many covers as poisoned
images.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.triggers import Trigger, stamp_test, stamp_train
from rethinking_backdoors.errors import InputError


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        opacities: of the trigger's variants in training. shown: how many of them, the first, are put on test images.
        covers: how many for each poisoned image.
    """

    opacities: tuple[float, ...] = (0.5, 0.2, 0.5, 0.3)
    shown: int = 2
    covers: float = 2.0


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
    if len(settings.opacities) != len(trigger):
        raise InputError(f"adap_patch has {len(settings.opacities)} opacities for the trigger's {len(trigger)} variants.")
    variant = rng.integers(len(trigger), size=len(images))
    opacity = np.array(settings.opacities)[variant][:, None, None, None]
    return parts.pixels((1 - opacity) * images + opacity * stamp_train(images, trigger, variant)), variant


def cover(images: np.ndarray, trigger: Trigger, settings: Settings, rng: np.random.Generator) -> np.ndarray:
    """See ``registry``."""
    return make(images, np.empty(0), trigger, settings, rng, None)[0]


def triggered(images: np.ndarray, trigger: Trigger, settings: Settings) -> np.ndarray:
    """See ``registry``."""
    return stamp_test(images, trigger[: settings.shown])
