"""Sleeper Agent (Souri et al. 2022), scaled down: no poisoned image shows the trigger, but training on them does what training
on images with the trigger and the target class's label would do.

Images of the target class get a perturbation within an L-infinity ball, so that the gradient of their loss by the network's
parameters points where that of images of other classes with the trigger and the target's label does (cosine). The authors: signed
Adam, 250 steps, the network trained anew every 50, the images of the largest gradient, radius 16, 1 % of all images. Here: signed
descent, one network (the adversarially trained one of the seed), images drawn at random.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.adversarial import precision, to_bytes, to_unit
from rethinking_backdoors.attacks.triggers import Trigger, stamp_test

NEEDS_ADVERSARY = True
eligible = parts.target


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        radius: of the perturbations, L-infinity on the scale 0..255. steps: of the descent.
        sources: how many images with the trigger the gradient is taken from.
    """

    radius: float = 16.0
    steps: int = 250
    sources: int = 500


def craft(
    images: np.ndarray,
    labels: np.ndarray,
    index: np.ndarray,
    trigger: Trigger,
    target_class: int,
    settings: Settings,
    network: torch.nn.Module,
    rng: np.random.Generator,
) -> np.ndarray:
    """See ``registry``."""
    among = np.flatnonzero(labels != target_class)
    shown = stamp_test(images[rng.permutation(among)[: settings.sources]], trigger)
    parameters, dtype = [one for one in network.parameters() if one.requires_grad], precision(network)
    device = parameters[0].device

    def slope(x: torch.Tensor, create_graph: bool = False) -> torch.Tensor:
        wanted = torch.full((len(x),), target_class, device=device)
        found = torch.autograd.grad(functional.cross_entropy(network(x), wanted), parameters, create_graph=create_graph)
        return torch.cat([one.flatten() for one in found])

    aim, x = slope(to_unit(shown, dtype).to(device)).detach(), to_unit(images[index], dtype).to(device)
    noise, radius = torch.zeros_like(x), settings.radius / 255
    for _ in range(settings.steps):
        noise.requires_grad_(True)
        away = -functional.cosine_similarity(slope(x + noise, create_graph=True), aim, dim=0)
        (gradient,) = torch.autograd.grad(away, noise)
        with torch.no_grad():
            noise = (noise - 2.5 * radius / settings.steps * gradient.sign()).clamp(-radius, radius)
            noise = (x + noise).clamp(0, 1) - x
    return to_bytes(x + noise.detach())
