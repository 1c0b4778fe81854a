"""One long-lived ResNet-9 on one device: its buffers, its step of SGD and its evaluation, reused for model after model.

On CUDA the step is compiled, and recorded as one CUDA graph, so that a model costs no launches from Python; either goes without
the other. Inputs are copied into fixed buffers, and nothing is ever read back to the host. Elsewhere the same functions run as
they are.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from rethinking_backdoors import kernels
from rethinking_backdoors.training import resnet
from rethinking_backdoors.training.interface import on_device

# Enough to fill a GPU; on a processor, few enough that the activations (9 MB an image in the first layers) stay small.
_EVALUATED_AT_ONCE = {"cuda": 2500, "cpu": 100}
# What CUDA has to have run before it can be recorded: compilation and the libraries' choice of algorithms.
_WARM_UP = 3
# Steps of other sizes and recipes that one process may compile; torch gives up at 8.
_COMPILED_AT_MOST = 64


@dataclass(frozen=True)
class Recipe:
    """How each ResNet-9 is trained (paper, Table 5): SGD with momentum, one triangular learning rate over the whole run.

    Attributes:
        cutout: side of the square that is blanked in every training image; 0 for none.
        precision: "bf16" (mixed; on processors without bfloat16 units it costs more than it saves, and is not used) or "fp32".
        compile: whether CUDA steps are compiled; no other device compiles.
        graph: whether CUDA steps are recorded as a graph.
        models_at_once: how many models are trained, one after the other, before their margins are stored.
    """

    epochs: int
    batch_size: int
    peak_lr: float
    peak_epoch: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    cutout: int
    precision: str
    compile: bool
    models_at_once: int
    graph: bool = True


def cut_out(images: torch.Tensor, corners: torch.Tensor, side: int | torch.Tensor) -> torch.Tensor:
    """Sets a square of every image to 0, the mean of normalised images.

    Args:
        images: (N, C, H, W). corners: (N, 2) integers, row and column of each square's first pixel.
        side: of the squares in pixels; 0 leaves the images as they are.

    Returns:
        A new tensor (N, C, H, W). Source: DeVries and Taylor 2017; but the whole square lies in the image, as in FFCV.
    """
    rows, columns = (torch.arange(length, device=images.device) for length in images.shape[-2:])
    top, left = corners[:, :1], corners[:, 1:]
    inside_rows, inside_columns = (rows >= top) & (rows < top + side), (columns >= left) & (columns < left + side)
    # masked_fill would return channels first in memory.
    return torch.where((inside_rows[:, :, None] & inside_columns[:, None, :])[:, None], 0, images)


def to_unit(images: torch.Tensor) -> torch.Tensor:
    """(N, H, W, C) uint8 to (N, C, H, W) float32 in [0, 1], channels last in memory."""
    return images.permute(0, 3, 1, 2).float() / 255


class Step:
    """A ResNet-9 in training. ``advance`` is one step of SGD on what the buffers hold.

    Args:
        recipe: Cutout and the learning rate are no part of a step: they come in with every batch.
        image_shape: (H, W, 3). batch: images a step.
    """

    def __init__(self, recipe: Recipe, image_shape: tuple[int, ...], classes: int, batch: int, device: str):
        resnet.check_shape(image_shape)
        self.recipe, self.device = recipe, torch.device(device)
        self.cuda = self.device.type == "cuda"
        network = resnet.ResNet9(classes, mixed=recipe.precision == "bf16" and (self.cuda or kernels.bfloat16()))
        self.network = network.to(self.device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.parameters = list(self.network.parameters())
        self.velocities = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.images = torch.zeros((batch, *image_shape), dtype=torch.uint8, device=self.device)
        self.labels = torch.zeros(batch, dtype=torch.int64, device=self.device)
        self.corners = torch.zeros((batch, 2), dtype=torch.int64, device=self.device)
        self.side = torch.zeros((), dtype=torch.int64, device=self.device)
        self.rate = torch.zeros((), device=self.device)
        compiled = self.cuda and recipe.compile
        self._loss = _compile(self.loss) if compiled else self.loss
        self._logits = _compile(self._evaluate) if compiled else self._evaluate
        # One step of SGD on the batch that the buffers hold, within ``settings``.
        self.advance = self._record() if self.cuda and recipe.graph else self.advance_once

    def reset(self, rng: np.random.Generator) -> None:
        """A new, untrained model in the same memory."""
        resnet.reset(self.network, [on_device(value, self.device) for value in resnet.draw(self.network, rng)])
        torch._foreach_zero_(self.velocities)

    def loss(self, images: torch.Tensor, labels: torch.Tensor, corners: torch.Tensor, side: torch.Tensor) -> torch.Tensor:
        """The mean cross-entropy of a batch: (N, H, W, 3) uint8, labels (N,), corners (N, 2) and side () of ``cut_out``."""
        inputs = cut_out(self.network.normalise(to_unit(images)), corners, side)
        return functional.cross_entropy(self.network.logits(inputs), labels, label_smoothing=self.recipe.label_smoothing)

    @torch.no_grad()
    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """(classes, N) float32 of images (N, H, W, 3) uint8 on the device, normalised with the running statistics."""
        self.network.eval()
        size = _EVALUATED_AT_ONCE["cuda" if self.cuda else "cpu"]
        with self.settings():
            parts = [self._logits(_filled(part, size) if self.cuda else part)[: len(part)] for part in images.split(size)]
        self.network.train()
        return torch.cat(parts).T

    @torch.no_grad()
    def representations(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 128) float32 of images (N, H, W, 3) uint8 on the device; needed once a network, so it is not compiled."""
        self.network.eval()
        size, normalise = _EVALUATED_AT_ONCE["cuda" if self.cuda else "cpu"], self.network.normalise
        with self.settings():
            parts = [self.network.representations(normalise(to_unit(part))) for part in images.split(size)]
        self.network.train()
        return torch.cat(parts)

    @contextlib.contextmanager
    def settings(self) -> Iterator[None]:
        """Algorithms chosen by rule, not by timing, so that the same model has the same bits in every process of a device."""
        if not self.cuda:
            yield
            return
        flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with torch.cuda.device(self.device), flags:
            yield

    def advance_once(self) -> None:
        """The step without the recording."""
        with torch.enable_grad():
            loss = self._loss(self.images, self.labels, self.corners, self.side)
            gradients = torch.autograd.grad(loss, self.parameters)
        # As torch's SGD: v = momentum v + gradient + decay w, then w = w - rate v; the rate is a tensor, so a graph can read it.
        with torch.no_grad():
            torch._foreach_mul_(self.velocities, self.recipe.momentum)
            torch._foreach_add_(self.velocities, gradients)
            torch._foreach_add_(self.velocities, self.parameters, alpha=self.recipe.weight_decay)
            torch._foreach_sub_(self.parameters, torch._foreach_mul(self.velocities, self.rate))

    def _evaluate(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(to_unit(images))

    def _record(self) -> Callable[[], None]:
        """The step as one CUDA graph, recorded after a warm-up on a side stream as CUDA asks for."""
        with self.settings():
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(_WARM_UP):
                    self.advance_once()
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self.advance_once()
        return graph.replay


def _filled(images: torch.Tensor, size: int) -> torch.Tensor:
    """The images with zeros behind them up to ``size``, because a compiled program takes batches of one size."""
    return torch.cat([images, images.new_zeros((size - len(images), *images.shape[1:]))])


def _compile(function: Callable) -> Callable:
    """torch.compile for one shape, without choices by timing that would change the arithmetic from process to process.

    Images stay channels last through their strides; inductor's own choice of layouts could only undo that.
    """
    import torch._dynamo.config as dynamo
    import torch._inductor.config as inductor

    dynamo.recompile_limit = max(dynamo.recompile_limit, _COMPILED_AT_MOST)
    options = {"deterministic": True} if hasattr(inductor, "deterministic") else {}
    return torch.compile(function, fullgraph=True, dynamic=False, options={**options, "layout_optimization": False})
