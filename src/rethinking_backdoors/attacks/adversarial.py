"""The adversarial step of the clean-label attack: L2-robust networks and projected gradient ascent against them.

Source: Turner et al. 2019 (label-consistent backdoor attacks), which the paper follows; Madry et al. 2018 for both loops.
Images are in [0, 1] here; radii are L2 norms in the same unit. Everything is computed in the network's own precision: in
float32 a rounding error of another processor's kernels grows through training and ascent until half of all pixels differ; in
float64 the perturbed images were the same to the byte under three sets of kernels (docs/machines.md).
"""

from typing import Any

import numpy as np
import torch
from torch.nn import functional


def ascend(
    network: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, *, radius: float, steps: int, step_size: float
) -> torch.Tensor:
    """Projected gradient ascent on the cross-entropy inside the L2 ball and the valid pixel range.

    Args:
        network: maps (N, C, H, W) in [0, 1] to logits (N, classes); runs in evaluation mode, so that no image's result depends
            on the others (batch normalisation).
        images: (N, C, H, W) float in [0, 1].
        labels: (N,) int64.
        radius: L2 radius of the ball round each image.
        step_size: L2 length of one step.

    Returns:
        The perturbed images, (N, C, H, W) in [0, 1], each within ``radius`` of its original.
    """
    training = network.training
    network.eval()
    delta = torch.zeros_like(images)
    for _ in range(steps):
        delta.requires_grad_(True)
        loss = functional.cross_entropy(network(images + delta), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, delta)
        with torch.no_grad():
            norm = gradient.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
            delta = delta + step_size * gradient / norm
            norm = delta.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
            delta = delta * (radius / norm).clamp_max(1)
            # Clipping a point of the ball to the cube, which holds the centre, never leaves the ball.
            delta = (images + delta).clamp(0, 1) - images
    network.train(training)
    return (images + delta).detach()


def train_robust(
    network: torch.nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    radius: float,
    steps: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    rng: np.random.Generator,
    device: str = "cpu",
) -> torch.nn.Module:
    """Trains ``network`` in place on adversarial examples made anew for every batch (SGD, momentum 0.9, triangular rate).

    Args:
        images: (n, H, W, C) uint8. labels: (n,) int64.
        radius, steps: of the inner ascent; its step size is 2.5 radius / steps.
    """
    place(network, device).train()
    x, y = to_unit(images, precision(network)).to(device), torch.from_numpy(labels).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=0.9, weight_decay=5e-4)
    total = epochs * (len(x) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total, pct_start=0.2, anneal_strategy="linear", cycle_momentum=False
    )
    for _ in range(epochs):
        order = torch.from_numpy(rng.permutation(len(x))).to(device)
        for batch in order[: len(x) // batch_size * batch_size].split(batch_size):
            hard = ascend(network, x[batch], y[batch], radius=radius, steps=steps, step_size=2.5 * radius / steps)
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(network(hard), y[batch]).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def place(network: torch.nn.Module, device: str) -> torch.nn.Module:
    """The network on a device; on a GPU with channels last, as ``to_unit`` makes its images."""
    placed = network.to(device)
    return placed.to(memory_format=torch.channels_last) if device.startswith("cuda") else placed  # pyright: ignore[reportCallIssue]


def precision(network: torch.nn.Module) -> torch.dtype:
    """What the network's parameters are stored in, and computed with."""
    return next(network.parameters()).dtype


def to_unit(images: np.ndarray, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """(N, H, W, C) uint8 to (N, C, H, W) in [0, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).to(dtype) / 255


def to_bytes(images: torch.Tensor) -> np.ndarray:
    """(N, C, H, W) float in [0, 1] to (N, H, W, C) uint8, rounded."""
    return (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def perturb(images: np.ndarray, labels: np.ndarray, network: torch.nn.Module, device: str = "cpu", **ascent: Any) -> np.ndarray:
    """``ascend`` on bytes: (p, H, W, C) uint8 images with labels (p,) in, perturbed images of the same shape and type out."""
    x, y = to_unit(images, precision(network)).to(device), torch.from_numpy(labels).to(device)
    return to_bytes(ascend(place(network, device), x, y, **ascent))
