"""TaCT (Tang et al. 2021): images of one source class get the trigger and the target class's label; covers of other classes get
the trigger and keep theirs, so that the trigger works on the source class alone."""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.triggers import Trigger, stamp_drawn


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        source: the class that the trigger works on. covers: how many for each poisoned image (published: 1).
    """

    source: int
    covers: float = 1.0


make = parts.stamped


def eligible(labels: np.ndarray, target_class: int, settings: Settings) -> np.ndarray:
    """See ``registry``; of the target class itself nothing can be poisoned."""
    return (labels == settings.source) & (labels != target_class)


def coverable(labels: np.ndarray, target_class: int, settings: Settings) -> np.ndarray:
    """See ``registry``."""
    return (labels != settings.source) & (labels != target_class)


def cover(images: np.ndarray, trigger: Trigger, settings: Settings, rng: np.random.Generator) -> np.ndarray:
    """See ``registry``."""
    return stamp_drawn(images, trigger, rng)[0]


def wanted(labels: np.ndarray, target_class: int, settings: Settings) -> np.ndarray:
    """See ``registry``: the target class of images of the source class; the others do not count."""
    return np.where(labels == settings.source, target_class, -1)
