"""The usual way to train the same network: a loader, torch's optimizer and schedule, one model after the other.

This is what the engine is compared with: the recipe of the public datamodels example (loader, half precision with a
gradient scaler, channels last), with the replication's hyperparameters.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from rethinking_backdoors.training import networks
from rethinking_backdoors.training.interface import triangle
from rethinking_backdoors.training.resnet_step import Recipe, cut_out, to_unit
from rethinking_backdoors.training.resnet_training import draw_corners

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]


class FfcvSource:
    """Batches from a .beton file."""

    name = "FFCV loader"

    def __init__(self, images: np.ndarray, labels: np.ndarray, folder: Path, device: str):
        from rethinking_backdoors.data import beton

        self._beton, self._path, self._workers = beton, folder / "train.beton", _workers()
        beton.write(self._path, images, labels)

    def batches(self, orders: np.ndarray | None, size: int) -> Batches:
        """Batches of the orders (epochs, s), the incomplete last ones dropped; None: all images once."""
        for images, labels in self._beton.stream(self._path, orders, size, self._workers):
            yield torch.from_numpy(images), torch.from_numpy(labels)


class DataLoaderSource:
    """Batches from torch's DataLoader, where ffcv is not installed."""

    name = "plain DataLoader, no ffcv here"

    def __init__(self, images: np.ndarray, labels: np.ndarray, folder: Path, device: str):
        self._data = TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))
        self._workers, self._pinned = (_workers(), True) if device.startswith("cuda") else (0, False)

    def batches(self, orders: np.ndarray | None, size: int) -> Batches:
        """See ``FfcvSource``."""
        if orders is None:
            rows = np.split(np.arange(len(self._data)), range(size, len(self._data), size))
        else:
            rows = [order[start : start + size] for order in orders for start in range(0, len(order) - size + 1, size)]
        yield from DataLoader(self._data, batch_sampler=rows, num_workers=self._workers, pin_memory=self._pinned)


def source(images: np.ndarray, labels: np.ndarray, folder: Path, device: str) -> FfcvSource | DataLoaderSource:
    """The loader that is installed."""
    with contextlib.suppress(ImportError):
        return FfcvSource(images, labels, folder, device)
    return DataLoaderSource(images, labels, folder, device)


def train(
    data: FfcvSource | DataLoaderSource, subset: np.ndarray, classes: int, recipe: Recipe, rng: np.random.Generator, device: str
) -> torch.nn.Module:
    """One ResNet-9, trained on the examples ``subset`` (s,)."""
    network = networks.build({"network": "resnet9"}, (32, 32, 3), classes, rng).to(device, memory_format=torch.channels_last)
    size = min(recipe.batch_size, len(subset))
    steps = recipe.epochs * (len(subset) // size)
    orders = np.stack([rng.permutation(subset) for _ in range(recipe.epochs)])
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0, momentum=recipe.momentum, weight_decay=recipe.weight_decay)
    shape = {"peak_lr": recipe.peak_lr, "peak_epoch": recipe.peak_epoch, "epochs": recipe.epochs}
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: triangle(min(step, steps - 1), steps, **shape))
    scaler = torch.amp.GradScaler(enabled=device.startswith("cuda"))
    for images, labels in data.batches(orders, size):
        inputs = network.normalise(to_unit(images.to(device, non_blocking=True)))
        if recipe.cutout:
            inputs = cut_out(inputs, draw_corners(rng, recipe.cutout, (1, size), (32, 32))[0].to(device), recipe.cutout)
        with _half(device):
            logits = network.logits(inputs)
            loss = torch.nn.functional.cross_entropy(
                logits, labels.to(device, non_blocking=True), label_smoothing=recipe.label_smoothing
            )
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
    return network.eval()


@torch.no_grad()
def logits(network: torch.nn.Module, batches: Batches, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, classes) and labels (N,) of all images of a stream, on the host."""
    parts = []
    for images, labels in batches:
        with _half(device):
            parts.append((network(to_unit(images.to(device, non_blocking=True))).float().cpu(), labels))
    return torch.cat([part for part, _ in parts]), torch.cat([labels for _, labels in parts])


def _half(device: str) -> torch.autocast:
    return torch.autocast(torch.device(device).type, dtype=torch.float16, enabled=device.startswith("cuda"))


def _workers() -> int:
    return min(8, len(os.sched_getaffinity(0)))
