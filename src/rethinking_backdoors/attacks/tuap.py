"""TUAP (Zhang et al. 2021, "AdvDoor"): a targeted universal adversarial perturbation as trigger, on images of the target class.

The perturbation turns images of other classes into the target class, for a network that the attacker trained. It is found by
projected gradient descent (see ``universal``) where the authors repeat DeepFool. Published: radius 10, a quarter of the target
class; images keep their label.
"""

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
        radius: of the perturbation, L-infinity on the scale 0..255. steps: of the descent.
    """

    radius: float = 10.0
    steps: int = 100


def learn(
    images: np.ndarray,
    labels: np.ndarray,
    target_class: int,
    settings: Settings,
    network: torch.nn.Module,
    rng: np.random.Generator,
) -> np.ndarray:
    """See ``registry``."""
    others = images[labels != target_class]
    return universal.learn(network, others, target_class, radius=settings.radius, steps=settings.steps, rng=rng)


def triggered(images: np.ndarray, trigger: np.ndarray, settings: Settings) -> np.ndarray:
    """See ``registry``."""
    return universal.added(images, trigger)
