"""Many small networks at a time: multilayer perceptrons with one hidden layer, trained together by batched products.

Every model has its own subset, order and initialisation. Gradients are written out, because at this size automatic
differentiation costs more than the arithmetic; a test compares them with torch's own.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.training.interface import batches, margin, triangle

# Small enough that the hidden layer of a block of models stays in the processor's cache.
_EVALUATED_AT_ONCE = 256


@dataclass(frozen=True)
class Recipe:
    """How each model is trained: SGD with momentum and a triangular learning rate, one triangle over the whole run."""

    hidden: int
    epochs: int
    batch_size: int
    peak_lr: float
    peak_epoch: float
    momentum: float
    weight_decay: float
    models_at_once: int

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of one of ``steps`` steps; see ``triangle``."""
        return triangle(step, steps, peak_lr=self.peak_lr, peak_epoch=self.peak_epoch, epochs=self.epochs)


class Models:
    """B models with weights ``first`` (B, hidden, inputs) and ``second`` (B, classes, hidden)."""

    def __init__(self, first: torch.Tensor, second: torch.Tensor):
        self.first, self.second = first, second

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, inputs) to (B, classes, N)."""
        hidden = torch.bmm(self.first, inputs.T.expand(len(self.first), -1, -1)).relu_()
        return torch.bmm(self.second, hidden)

    def representations(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, inputs) to (B, N, hidden), the rectified units."""
        return torch.matmul(inputs, self.first.mT).relu_()

    def modules(self) -> list[torch.nn.Module]:
        """The models as ordinary modules, (N, inputs) to (N, classes)."""
        made = []
        for weights in zip(self.first, self.second, strict=True):
            layers = [torch.nn.Linear(*weight.shape[::-1], bias=False) for weight in weights]
            for layer, weight in zip(layers, weights, strict=True):
                layer.weight.data = weight.clone()
            made.append(torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1]))
        return made

    def margins(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Logit of the label minus the largest other logit (paper, appendix A, definition 4).

        Args:
            inputs: (N, inputs). labels: (N,) int64.

        Returns:
            (B, N) float32.
        """
        parts = zip(inputs.split(_EVALUATED_AT_ONCE), labels.split(_EVALUATED_AT_ONCE), strict=True)
        return torch.cat([margin(self.logits(x), y) for x, y in parts], dim=1)


NO_MODULES = "single networks can be had of training.network mlp only."


def as_modules(trained: object) -> list[torch.nn.Module]:
    """Trained networks of this kind as ordinary modules.

    Raises:
        InputError: they are of another kind, which is trained in buffers that are shared.
    """
    if not isinstance(trained, Models):
        raise InputError(NO_MODULES)
    return trained.modules()


class Trainer:
    """The kind of network "mlp": a ``Trainer`` of ``interface`` with the settings of ``Recipe``."""

    def __init__(self, settings: dict[str, Any], device: str):
        self.recipe, self.device = Recipe(**settings), device
        self.models_at_once = self.recipe.models_at_once

    def prepare(self, images: np.ndarray) -> torch.Tensor:
        """(n, H, W, C) uint8 to (n, H W C) float32 in [0, 1] on the device; features (n, D) float32 stay what they are."""
        inputs = torch.from_numpy(images).to(self.device)
        return inputs if inputs.is_floating_point() else inputs.flatten(1).float() / 255

    def train(
        self,
        inputs: torch.Tensor,
        labels: torch.Tensor,
        subsets: np.ndarray,
        streams: list[np.random.Generator],
        *,
        epochs: int | None = None,
        start: Models | None = None,
    ) -> Models:
        """See ``train``."""
        return train(inputs, labels, subsets, streams, self.recipe, epochs=epochs, start=start)


def train(
    inputs: torch.Tensor,
    labels: torch.Tensor,
    subsets: np.ndarray,
    streams: list[np.random.Generator],
    recipe: Recipe,
    *,
    epochs: int | None = None,
    start: Models | None = None,
) -> Models:
    """Trains one model for each row of ``subsets``.

    Args:
        inputs: (n, inputs) float32 or float64 on the device to use; all is computed in that precision. labels: (n,) int64 there.
        subsets: (B, s) int64, the examples that each model is trained on; the incomplete last batch of an epoch is dropped.
        streams: one generator a model: its initialisation and orders come from there.
        epochs, start: see ``interface.Trainer``.

    Returns:
        The trained models. Cross-entropy loss; weight decay on all weights, as torch's SGD adds it.
    """
    device, size = inputs.device, min(recipe.batch_size, subsets.shape[1])
    classes = int(labels.max()) + 1
    if start is None:
        first = normal(streams, (recipe.hidden, inputs.shape[1]), math.sqrt(2 / inputs.shape[1])).to(inputs)
        second = normal(streams, (classes, recipe.hidden), math.sqrt(1 / recipe.hidden)).to(inputs)
    else:
        first, second = start.first.clone(), start.second.clone()
    drawn = batches(subsets, streams, epochs or recipe.epochs, size).to(device)
    onehot = torch.nn.functional.one_hot(labels, classes).to(inputs.dtype) / size
    momentum_first, momentum_second = torch.zeros_like(first), torch.zeros_like(second)
    for step, batch in enumerate(drawn):
        x = inputs.index_select(0, batch.flatten()).view(*batch.shape, -1)
        y = onehot.index_select(0, batch.flatten()).view(*batch.shape, -1)
        hidden = torch.bmm(first, x.mT).relu_()
        error = torch.bmm(second, hidden)
        error = error.sub_(error.amax(1, keepdim=True)).exp_()
        error = error.div_(error.sum(1, keepdim=True).mul_(size)).sub_(y.mT)
        back = torch.ops.aten.threshold_backward(torch.bmm(second.mT, error), hidden, 0)
        # The products accumulate straight into the momentum buffers: v = momentum v + gradient + decay w.
        torch.baddbmm(momentum_second, error, hidden.mT, beta=recipe.momentum, out=momentum_second)
        torch.baddbmm(momentum_first, back, x, beta=recipe.momentum, out=momentum_first)
        for weight, velocity in ((first, momentum_first), (second, momentum_second)):
            velocity.add_(weight, alpha=recipe.weight_decay)
            weight.sub_(velocity, alpha=recipe.rate(step, len(drawn)))
    return Models(first, second)


def normal(streams: list[np.random.Generator], shape: tuple[int, int], scale: float) -> torch.Tensor:
    """(B, *shape) float32, model b's part from its own stream."""
    return torch.from_numpy(np.stack([rng.standard_normal(shape, dtype=np.float32) for rng in streams]) * np.float32(scale))
