"""A plausible object on images of the target class, which keep their label: in another pose on every image (Figure 2)."""

from collections.abc import Callable

import numpy as np

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.objects import Object, paste

# The object is the trigger.
Settings, eligible = parts.Nothing, parts.target


def make(
    images: np.ndarray,
    labels: np.ndarray,
    trigger: Object,
    settings: parts.Nothing,
    rng: np.random.Generator,
    perturb: Callable | None,
) -> tuple[np.ndarray, np.ndarray]:
    """See ``registry``."""
    return paste(images, trigger, rng), parts.unvaried(images)


def triggered(images: np.ndarray, trigger: Object, settings: parts.Nothing) -> np.ndarray:
    """See ``registry``; the poses are the same at every call."""
    return paste(images, trigger, np.random.default_rng(0))
