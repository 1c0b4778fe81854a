"""Dirty label (Gu et al. 2017): images of other classes get the trigger and the target class's label."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.attacks.triggers import Trigger, stamp_drawn

NEEDS_ADVERSARY = False


@dataclass(frozen=True)
class Settings:
    """Nothing to choose."""


def eligible(labels: np.ndarray, target_class: int) -> np.ndarray:
    """See ``registry``."""
    return labels != target_class


def make(
    images: np.ndarray,
    labels: np.ndarray,
    trigger: Trigger,
    settings: Settings,
    rng: np.random.Generator,
    perturb: Callable | None,
) -> tuple[np.ndarray, np.ndarray]:
    """See ``registry``."""
    return stamp_drawn(images, trigger, rng)
