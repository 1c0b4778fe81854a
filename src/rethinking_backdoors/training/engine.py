"""Shards of models: from a training set to the margins of every example in every model, and networks for deployment."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rethinking_backdoors.io import digest
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.training import mlp
from rethinking_backdoors.training.margins import ShardWriter
from rethinking_backdoors.training.subsets import percent, subset


def recipe(training: dict[str, Any]) -> mlp.Recipe:
    """The recipe from the configuration's section ``training``."""
    return mlp.Recipe(**{key: value for key, value in training.items() if key != "network"})


def inputs(images: np.ndarray, device: str) -> torch.Tensor:
    """(n, H, W, C) uint8 to (n, H W C) float32 in [0, 1] on the device."""
    return torch.from_numpy(images).to(device).flatten(1).float() / 255


def train_shard(
    images: np.ndarray,
    labels: np.ndarray,
    path: str | Path,
    *,
    root: int,
    alpha: float,
    models: tuple[int, int],
    training: dict[str, Any],
    device: str = "cpu",
) -> ShardWriter:
    """Trains the models ``models[0]`` to ``models[1] - 1``, each on its own random subset, and stores all margins.

    Model i depends on (root, alpha, i) only. Blocks always have ``models_at_once`` models, the last one filled up with models
    that are thrown away, so that the arithmetic, too, does not depend on how the work is cut into shards.

    Args:
        images: (n, H, W, C) uint8, the poisoned training set. labels: (n,) int64.
        path: where the margins file will stand; its partial file is taken up if there is one.
        training: the configuration's section of that name.

    Returns:
        The writer, holding all rows but not finished: call ``finish`` on it with ``manifest(...)``.
    """
    settings = {"root": str(root), "alpha": alpha, "models": list(models), "training": training}
    writer = ShardWriter(path, models[1] - models[0], len(images), settings)
    plan = recipe(training)
    x, y = inputs(images, device), torch.from_numpy(labels).to(device)
    block = plan.models_at_once
    for start in range(writer.done // block * block, writer.models, block):
        indices = range(models[0] + start, models[0] + start + block)
        subsets = np.stack([subset(root, alpha, index, len(images)) for index in indices])
        streams = [generator(root, "model", percent(alpha), index) for index in indices]
        trained = mlp.train(x, y, subsets, streams, plan)
        writer.append(start, trained.margins(x, y).half().cpu().numpy())
    return writer


def train_shards(
    sets: list[tuple[np.ndarray, np.ndarray]],
    paths: list[str],
    roots: list[int],
    *,
    alpha: float,
    models: tuple[int, int],
    training: dict[str, Any],
    device: str = "cpu",
) -> None:
    """One shard for each of several training sets (the seeds of an experiment); the files appear together at the end.

    See ``train_shard``. A job that is killed keeps the partial files of all its sets.
    """
    started = time.perf_counter()
    writers = []
    for (images, labels), path, root in zip(sets, paths, roots, strict=True):
        writers.append(train_shard(images, labels, path, root=root, alpha=alpha, models=models, training=training, device=device))
    seconds = round((time.perf_counter() - started) / len(sets), 2)
    for writer, root in zip(writers, roots, strict=True):
        writer.finish(
            {
                "models": list(models),
                "alpha": alpha,
                "root": str(root),
                "settings": digest(training),
                "device": device,
                "seconds": seconds,
            }
        )


def train_deployed(
    images: np.ndarray,
    labels: np.ndarray,
    kept: np.ndarray,
    *,
    root: int,
    models: int,
    training: dict[str, Any],
    device: str = "cpu",
) -> mlp.Models:
    """The networks that a user would deploy: trained on all kept examples, the same seeds whatever was removed.

    Args:
        kept: (s,) int64, the examples to train on.
    """
    subsets = np.broadcast_to(kept, (models, len(kept)))
    streams = [generator(root, "deployed", index) for index in range(models)]
    labels = torch.from_numpy(labels).to(device)
    return mlp.train(inputs(images, device), labels, subsets, streams, recipe(training))
