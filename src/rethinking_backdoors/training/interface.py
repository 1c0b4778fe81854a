"""What every kind of network shares: what one must offer, the learning rate, the orders and the margin."""

import math
from typing import Protocol

import numpy as np
import torch


class Models(Protocol):
    """B trained models of one kind. ``inputs`` is what their trainer's ``prepare`` returned for N images."""

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """(B, classes, N) float32 on the device."""
        ...

    def margins(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(B, N) float32: the margin of every image, given labels (N,) int64, in every model; see ``margin``."""
        ...

    def representations(self, inputs: torch.Tensor) -> torch.Tensor:
        """(B, N, d) float32 on the device: the last hidden layer, which the logits are a linear map of."""
        ...


class Trainer(Protocol):
    """One kind of network with its settings, on one device. How a kind is chosen: ``registry.trainer``.

    Attributes:
        models_at_once: the size of the blocks that shards are trained and stored in.
    """

    models_at_once: int

    def prepare(self, images: np.ndarray) -> torch.Tensor:
        """(N, H, W, C) uint8 to whatever the models take, N rows, resident on the device."""
        ...

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
        """Trains one model for each row of ``subsets``.

        Model b depends on the data, row b and stream b only. The models are valid until the next call.

        Args:
            inputs: n prepared training images. labels: (n,) int64 on the device.
            subsets: (B, s) int64, the examples that each model is trained on.
            streams: B generators, from which initialisation, orders and augmentation are drawn.
            epochs: instead of the recipe's; the learning rate's triangle is stretched over them.
            start: what an earlier call returned, B models that are trained on; without momentum from before.
        """
        ...


# Settings that change a model's time, not what it is trained to be: files made with others of them belong together.
PERFORMANCE = ("compile", "graph", "models_at_once")


def on_device(tensor: torch.Tensor, device: str | torch.device) -> torch.Tensor:
    """The tensor on a device. To a GPU it goes through pinned memory, so that the host need not wait for what runs there."""
    if torch.device(device).type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def device_name(device: str) -> str:
    """A torch device with the name of the GPU that it is: "cuda, NVIDIA H100 80GB HBM3"; "cpu"."""
    return f"{device}, {torch.cuda.get_device_name(device)}" if device.startswith("cuda") else device


def triangle(step: int, steps: int, *, peak_lr: float, peak_epoch: float, epochs: int) -> float:
    """The learning rate of one of ``steps`` steps: 0 to the peak at ``peak_epoch``, then back to 0 at the end."""
    peak = steps * peak_epoch / epochs
    return peak_lr * min((step + 1) / peak, (steps - step) / (steps - peak))


def batches(subsets: np.ndarray, streams: list[np.random.Generator], epochs: int, size: int) -> torch.Tensor:
    """(steps, B, size) int64: each model's subset (of B, s) in a new order every epoch, the incomplete last batch dropped."""
    whole = subsets.shape[1] // size * size
    orders = [
        np.concatenate([rng.permutation(row)[:whole] for _ in range(epochs)]) for row, rng in zip(subsets, streams, strict=True)
    ]
    return torch.from_numpy(np.stack(orders).reshape(len(orders), -1, size).swapaxes(0, 1).copy())


def margin(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Logit of the label minus the largest other logit (paper, appendix A, definition 4).

    Args:
        logits: (B, classes, N), overwritten. labels: (N,) int64.

    Returns:
        (B, N).
    """
    where = labels.expand(len(logits), 1, -1)
    own = logits.gather(1, where).squeeze(1)
    return own - logits.scatter_(1, where, -math.inf).amax(1)
