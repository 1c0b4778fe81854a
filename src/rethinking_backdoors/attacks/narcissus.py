"""Narcissus (Zeng et al. 2023): noise that makes images of the target class even more like it, on a few of them; louder at test.

The noise is found by projected gradient descent (see ``universal``) on images of the target class. Published: radius 16, three
times as strong at test time, 25 of 50,000 images; images keep their label. The authors' network has seen other public data.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from rethinking_backdoors.attacks import parts, universal

NEEDS_ADVERSARY = True
eligible = parts.target


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        radius: of the noise, L-infinity on the scale 0..255. steps: of the descent. magnified: how many times stronger at test.
    """

    radius: float = 16.0
    steps: int = 100
    magnified: float = 3.0


def learn(
    images: np.ndarray,
    labels: np.ndarray,
    target_class: int,
    settings: Settings,
    network: torch.nn.Module,
    rng: np.random.Generator,
) -> np.ndarray:
    """See ``registry``."""
    own = images[labels == target_class]
    return universal.learn(network, own, target_class, radius=settings.radius, steps=settings.steps, rng=rng)


def make(
    images: np.ndarray,
    labels: np.ndarray,
    trigger: np.ndarray,
    settings: Settings,
    rng: np.random.Generator,
    perturb: Callable | None,
) -> tuple[np.ndarray, np.ndarray]:
    """See ``registry``."""
    return universal.added(images, trigger), parts.unvaried(images)


def triggered(images: np.ndarray, trigger: np.ndarray, settings: Settings) -> np.ndarray:
    """See ``registry``."""
    return universal.added(images, trigger, settings.magnified)
