"""A plausible object on images of the target class, which keep their label: in another pose on every image (Figure 2)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.attacks.objects import Object, paste

NEEDS_ADVERSARY = False


@dataclass(frozen=True)
class Settings:
    """Nothing to choose: the object is the trigger."""


def eligible(labels: np.ndarray, target_class: int) -> np.ndarray:
    """See ``registry``."""
    return labels == target_class


def make(
    images: np.ndarray,
    labels: np.ndarray,
    trigger: Object,
    settings: Settings,
    rng: np.random.Generator,
    perturb: Callable | None,
) -> tuple[np.ndarray, np.ndarray]:
    """See ``registry``."""
    return paste(images, trigger, rng), np.zeros(len(images), dtype=np.int64)


def triggered(images: np.ndarray, trigger: Object, settings: Settings) -> np.ndarray:
    """See ``registry``; the poses are the same at every call."""
    return paste(images, trigger, np.random.default_rng(0))
