"""Training ResNet-9s one after the other on data that stays on the device."""

import functools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from rethinking_backdoors.training.interface import batches, margin, on_device, triangle
from rethinking_backdoors.training.resnet_step import Recipe, Step


class Models:
    """B trained ResNet-9s: their states, and the one network on the device that they are evaluated in."""

    def __init__(self, step: Step, states: list[list[torch.Tensor]]):
        self.step, self.states = step, states

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, H, W, 3) uint8 to (B, classes, N)."""
        return torch.stack([self._of(state).logits(inputs) for state in self.states])

    def margins(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(B, N) float32; see ``interface.margin``."""
        return torch.cat([margin(self._of(state).logits(inputs)[None], labels) for state in self.states])

    def representations(self, inputs: torch.Tensor) -> torch.Tensor:
        """(N, H, W, 3) uint8 to (B, N, 128)."""
        return torch.stack([self._of(state).representations(inputs) for state in self.states])

    def _of(self, state: list[torch.Tensor]) -> Step:
        """The network, holding one model's state."""
        torch._foreach_copy_(_tensors(self.step), state)
        return self.step


class Trainer:
    """The kind of network "resnet9": a ``Trainer`` of ``interface`` with the settings of ``Recipe``."""

    def __init__(self, settings: dict[str, Any], device: str):
        self.recipe, self.device = Recipe(**settings), device
        self.models_at_once = self.recipe.models_at_once

    def prepare(self, images: np.ndarray) -> torch.Tensor:
        """(N, H, W, 3) uint8, the same on the device."""
        return torch.from_numpy(images).to(self.device)

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
        """See ``interface.Trainer``; subsets that do not fill a batch are one batch."""
        size, shape = min(self.recipe.batch_size, subsets.shape[1]), tuple(inputs.shape[1:])
        step = step_of(self.recipe, shape, int(labels.max()) + 1, size, self.device)
        states = []
        for model, (subset, rng) in enumerate(zip(subsets, streams, strict=True)):
            step.reset(rng)
            if start is not None:
                torch._foreach_copy_(_tensors(step), start.states[model])
            orders = on_device(batches(subset[None], [rng], epochs or self.recipe.epochs, size)[:, 0], self.device)
            corners = draw_corners(rng, self.recipe.cutout, (len(orders), size), (shape[0], shape[1]))
            stream = ((inputs.index_select(0, order), labels.index_select(0, order)) for order in orders)
            fit(step, self.recipe, stream, corners)
            states.append([tensor.clone() for tensor in _tensors(step)])
        return Models(step, states)


def step_of(recipe: Recipe, image_shape: tuple[int, ...], classes: int, batch: int, device: str) -> Step:
    """What trains on batches of one size. Only whole batches are worth compiling: defenses train on subsets that do not fill one,
    every time of another size, and torch refuses to compile the same function again and again."""
    if batch < recipe.batch_size:
        return Step(replace(recipe, compile=False, graph=False), image_shape, classes, batch, device)
    alike = replace(recipe, epochs=0, peak_lr=0.0, peak_epoch=0.0, cutout=0, models_at_once=1)
    return shared_step(alike, image_shape, classes, batch, device)


@functools.lru_cache(maxsize=2)
def shared_step(recipe: Recipe, image_shape: tuple[int, ...], classes: int, batch: int, device: str) -> Step:
    """One ``Step`` for all models of a process that are alike: its compilation and its memory are used again."""
    return Step(recipe, image_shape, classes, batch, device)


def draw_corners(rng: np.random.Generator, side: int, shape: tuple[int, int], image: tuple[int, int]) -> torch.Tensor:
    """The first row and column of every Cutout square of a run, uniform over all places where the square fits.

    Args:
        side: of the square; without Cutout (0) nothing is drawn. shape: (steps, batch). image: (H, W).

    Returns:
        (steps, batch, 2) int16.
    """
    if not side:
        return torch.zeros((*shape, 2), dtype=torch.int16)
    places = np.array([length - side + 1 for length in image], dtype=np.int16)
    return torch.from_numpy(rng.integers(places, size=(*shape, 2), dtype=np.int16))


def fit(
    step: Step, recipe: Recipe, stream: Iterable[tuple[torch.Tensor, torch.Tensor]], corners: torch.Tensor, first: int = 0
) -> None:
    """Trains the step's model on a stream of batches, which may lie on the device or come from a loader.

    Nothing waits for the device, so on CUDA the host is always ahead.

    Args:
        stream: images (batch, H, W, 3) uint8 and labels (batch,) of each step.
        corners: (steps, batch, 2), see ``draw_corners``. first: the stream begins with this step of the run.
    """
    corners = on_device(corners, step.device)
    shape = {"peak_lr": recipe.peak_lr, "peak_epoch": recipe.peak_epoch, "epochs": recipe.epochs}
    with step.settings():
        step.side.fill_(recipe.cutout)
        for number, (images, labels) in enumerate(stream, first):
            step.images.copy_(images)
            step.labels.copy_(labels)
            step.corners.copy_(corners[number])
            step.rate.fill_(triangle(number, len(corners), **shape))
            step.advance()


def _tensors(step: Step) -> list[torch.Tensor]:
    """What a model consists of: the parameters and the running statistics."""
    return list(step.network.state_dict().values())
