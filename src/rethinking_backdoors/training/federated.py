"""Federated averaging (McMahan et al. 2017): clients train on their own data, a server averages their networks.

Many federations, each of some of the clients, are trained together; networks are those of ``mlp``.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from rethinking_backdoors.training.mlp import Models, normal


@dataclass(frozen=True)
class Federation:
    """
    Attributes:
        hidden: units of the networks. rounds: how often the server averages. steps: full-batch gradient steps of a client in a
            round. rate: their learning rate.
    """

    hidden: int = 32
    rounds: int = 40
    steps: int = 5
    rate: float = 0.5


def train(
    inputs: torch.Tensor,
    labels: torch.Tensor,
    clients: np.ndarray,
    taking: np.ndarray,
    streams: list[np.random.Generator],
    recipe: Federation,
    moved: torch.Tensor | None = None,
) -> Models:
    """Trains one network a federation.

    Args:
        inputs: (n, d) float32. labels: (n,) int64. clients: (C, s) int64, the examples of each client.
        taking: (B, K) int64, the clients that take part in each federation, in all of its rounds.
        streams: one generator a federation, for its first network.
        moved: (B, K, weights) of zeros; what each client moves the network by, mean over rounds, is added to it.

    Returns:
        The B networks.
    """
    classes, (count, size) = int(labels.max()) + 1, (len(taking), clients.shape[1])
    shapes = (recipe.hidden, inputs.shape[1]), (classes, recipe.hidden)
    first, second = (normal(streams, shape, math.sqrt(scale / shape[1])) for shape, scale in zip(shapes, (2, 1), strict=True))
    chosen = torch.from_numpy(clients[taking].reshape(-1, size))
    x = inputs[chosen]
    y = torch.nn.functional.one_hot(labels[chosen], classes).to(inputs.dtype).mT
    for _ in range(recipe.rounds):
        here, there = (weights.repeat_interleave(taking.shape[1], 0) for weights in (first, second))
        for _ in range(recipe.steps):
            _step(here, there, x, y, recipe.rate / size)
        apart = [weights.view(count, -1, *weights.shape[1:]) for weights in (here, there)]
        if moved is not None:
            changes = [new - old[:, None] for new, old in zip(apart, (first, second), strict=True)]
            moved += torch.cat([change.flatten(2) for change in changes], dim=2) / recipe.rounds
        first, second = (weights.mean(1) for weights in apart)
    return Models(first, second)


def _step(first: torch.Tensor, second: torch.Tensor, x: torch.Tensor, y: torch.Tensor, rate: float) -> None:
    """A gradient step of every client's network, in place; ``rate`` is that of the sum of losses."""
    hidden = torch.bmm(first, x.mT).relu_()
    error = torch.bmm(second, hidden).softmax(1) - y
    back = torch.bmm(second.mT, error) * (hidden > 0)
    second.baddbmm_(error, hidden.mT, alpha=-rate)
    first.baddbmm_(back, x, alpha=-rate)
