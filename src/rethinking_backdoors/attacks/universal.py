"""One perturbation for all images, learnt against a network that the attacker trained: what tuap and narcissus share.

The network is that of the clean-label attack on perturbed images, the adversarially trained one of the seed. Ordinary networks
were taken by the authors; what moves a robust one moves others too.
"""

import numpy as np
import torch
from torch.nn import functional

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.adversarial import precision, to_unit


def learn(
    network: torch.nn.Module, images: np.ndarray, target_class: int, *, radius: float, steps: int, rng: np.random.Generator
) -> np.ndarray:
    """The perturbation within the L-infinity ball that makes images look most like the target class: (H, W, C) float64.

    Projected signed descent on the mean cross-entropy of images and perturbation, cut off at the ends of the scale, from zero,
    in steps of 2.5 radius / steps, on batches of 256.

    Args:
        images: (N, H, W, C) uint8. radius: on the scale 0..255.
    """
    device = next(network.parameters()).device
    x = to_unit(images, precision(network)).to(device)
    noise = torch.zeros_like(x[:1])
    wanted = torch.full((min(256, len(x)),), target_class, device=device)
    for _ in range(steps):
        batch = x[torch.from_numpy(rng.permutation(len(x))[: len(wanted)]).to(device)]
        noise.requires_grad_(True)
        loss = functional.cross_entropy(network((batch + noise).clamp(0, 1)), wanted)
        (gradient,) = torch.autograd.grad(loss, noise)
        with torch.no_grad():
            noise = (noise - 2.5 * radius / 255 / steps * gradient.sign()).clamp(-radius / 255, radius / 255)
    return 255 * noise[0].permute(1, 2, 0).double().cpu().numpy()


def added(images: np.ndarray, pattern: np.ndarray, times: float = 1.0) -> np.ndarray:
    """Images (N, H, W, C) uint8 with a perturbation (H, W, C) on the scale 0..255, so many times as strong."""
    return parts.pixels(images + times * pattern)
