"""Adversarial clean label (Turner et al. 2019): clean label on perturbed images, where only the trigger helps."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.attacks.triggers import Trigger, stamp_drawn

NEEDS_ADVERSARY = True


@dataclass(frozen=True)
class Settings:
    """Nothing to choose."""


def eligible(labels: np.ndarray, target_class: int) -> np.ndarray:
    """See ``registry``."""
    return labels == target_class


def make(
    images: np.ndarray,
    labels: np.ndarray,
    trigger: Trigger,
    settings: Settings,
    rng: np.random.Generator,
    perturb: Callable[[np.ndarray, np.ndarray], np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """See ``registry``."""
    assert perturb is not None, "NEEDS_ADVERSARY promises it"
    return stamp_drawn(perturb(images, labels), trigger, rng)
