"""Adversarial clean label (Turner et al. 2019, "label-consistent"): clean label on perturbed images, where only the trigger
helps."""

from collections.abc import Callable

import numpy as np

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.triggers import Trigger, stamp_drawn

NEEDS_ADVERSARY = True
Settings, eligible = parts.Nothing, parts.target


def make(
    images: np.ndarray,
    labels: np.ndarray,
    trigger: Trigger,
    settings: parts.Nothing,
    rng: np.random.Generator,
    perturb: Callable[[np.ndarray, np.ndarray], np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """See ``registry``."""
    assert perturb is not None, "NEEDS_ADVERSARY promises it"
    return stamp_drawn(perturb(images, labels), trigger, rng)
