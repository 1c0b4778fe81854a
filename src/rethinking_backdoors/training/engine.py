"""Shards of models: from a training set to the margins of every example in every model, and networks for deployment."""

import contextlib
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import digest, digest_arrays
from rethinking_backdoors.margins.store import ShardWriter
from rethinking_backdoors.margins.subsets import percent, subset
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.training import mlp
from rethinking_backdoors.training.deadline import Deadline
from rethinking_backdoors.training.features import Extractor, extract
from rethinking_backdoors.training.interface import PERFORMANCE, Models, Trainer, device_name
from rethinking_backdoors.training.registry import trainer

# What a job says of itself, every ten seconds.
PROGRESS = "{n_fmt} of {total_fmt} models, {rate_noinv_fmt}, {remaining} left"


def train_shard(
    images: np.ndarray,
    labels: np.ndarray,
    path: str | Path,
    *,
    root: int,
    alpha: float,
    models: tuple[int, int],
    training: dict[str, Any],
    extractor: Extractor | None = None,
    device: str = "cpu",
    deadline: Deadline | None = None,
) -> int:
    """Trains the models ``models[0]`` to ``models[1] - 1``, each on its own random subset, and stores all margins.

    Model i depends on (root, alpha, i) only. Blocks always have ``models_at_once`` models, the last one filled up with models
    that are thrown away, so that the arithmetic, too, does not depend on how the work is cut into shards.

    Returns:
        The end of the models that are stored: models[1], or less where the deadline came first. The file then is called by the
        models that it has, and there is none where it would have none.

    Args:
        images: (n, H, W, C) uint8, the poisoned training set. labels: (n,) int64.
        path: where the margins file will stand; its partial file is taken up if there is one.
        training: the configuration's section of that name, for one attack (see ``config.training_of``).
        extractor: what the networks take in place of images, if anything.
        deadline: no block is begun that would not end in time by the seconds that the last one took.
    """
    recipe = {key: value for key, value in training.items() if key not in PERFORMANCE}
    settings = {"root": str(root), "alpha": alpha, "models": list(models), "training": recipe}
    settings["data"] = fingerprint(images, labels, extractor)
    facts = {
        "alpha": alpha,
        "root": str(root),
        "settings": digest(recipe),
        "data": settings["data"],
        "device": device_name(device),
    }
    kind = trainer(training, device)
    with contextlib.closing(ShardWriter(path, models[1] - models[0], len(images), settings)) as writer:
        x, y = kind.prepare(extract(images, extractor) if extractor else images), torch.from_numpy(labels).to(device)

        def margins(indices: range) -> torch.Tensor:
            return kind.train(x, y, *drawn(root, alpha, indices, len(images))).margins(x, y).half()

        _fill(writer, models[0], kind.models_at_once, margins, device, deadline or Deadline())
        return writer.finish(models[0], {**facts, "seconds": round(writer.seconds, 2)})


def _fill(
    writer: ShardWriter, offset: int, block: int, margins: Callable[[range], torch.Tensor], device: str, deadline: Deadline
) -> None:
    """Appends the margins of the models that the writer lacks, block by block; its first model has the index ``offset``."""
    first = writer.done // block * block
    if first:
        print(f"{first} models of an earlier run are taken up", flush=True)
    blocks = (range(start, start + block) for start in range(offset + first, offset + writer.models, block))
    with tqdm(total=writer.models, initial=first, mininterval=10, file=sys.stdout, bar_format=PROGRESS) as progress:
        for number, rows in enumerate(_in_time(_fetched(map(margins, blocks), device), deadline)):
            start = first + number * block
            writer.append(start, rows)
            progress.update(min(block, writer.models - start))


def drawn(root: int, alpha: float, models: range, n: int) -> tuple[np.ndarray, list[np.random.Generator]]:
    """What a ``Trainer`` needs of models by their indices: their subsets (B, s) int64 of n examples, and their streams."""
    subsets = np.stack([subset(root, alpha, index, n) for index in models])
    return subsets, [generator(root, "model", percent(alpha), index) for index in models]


def train_modules(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    root: int,
    alpha: float,
    models: int,
    training: dict[str, Any],
    extractor: Extractor | None = None,
) -> tuple[list[torch.nn.Module], torch.Tensor]:
    """The first models of ``train_shard`` as ordinary torch modules, and the training set as they take it; on a processor.

    Raises:
        InputError: networks of this kind are trained in buffers that they share, and have no modules of their own.
    """
    if training["network"] != "mlp":  # before anything is trained
        raise InputError(mlp.NO_MODULES)
    kind = trainer(training, "cpu")
    x, y = kind.prepare(extract(images, extractor) if extractor else images), torch.from_numpy(labels)
    return mlp.as_modules(kind.train(x, y, *drawn(root, alpha, range(models), len(images)))), x


def _fetched(launched: Iterator[torch.Tensor], device: str) -> Iterator[np.ndarray]:
    """Arrays on the host. On a GPU the next block is drawn and launched before the last one is waited for."""
    waiting: deque[tuple[torch.Tensor, torch.cuda.Event]] = deque()
    for tensor in launched:
        if not device.startswith("cuda"):
            yield tensor.numpy()
            continue
        copy, copied = tensor.to("cpu", non_blocking=True), torch.cuda.Event()  # the copy lies in pinned memory
        copied.record()
        waiting.append((copy, copied))
        if len(waiting) > 1:
            yield _awaited(*waiting.popleft())
    while waiting:
        yield _awaited(*waiting.popleft())


def _awaited(copy: torch.Tensor, copied: torch.cuda.Event) -> np.ndarray:
    copied.synchronize()
    return copy.numpy()


def _in_time(blocks: Iterator[np.ndarray], deadline: Deadline) -> Iterator[np.ndarray]:
    """The blocks that end before the deadline, judged by the time from the one before last to the last."""
    before = time.monotonic()
    for rows in blocks:
        yield rows
        now = time.monotonic()
        if not deadline.fits(now - before):
            return
        before = now


def fingerprint(images: np.ndarray, labels: np.ndarray, extractor: Extractor | None) -> str:
    """Of what ``train_shard`` is given, 16 hexadecimal digits.

    Features go in as the extractor that makes them: their own last bits differ between processors, which spoils nothing.
    """
    if extractor is None:
        return digest_arrays(images, labels)
    arrays = {name: digest_arrays(buffer.numpy()) for name, buffer in extractor.named_buffers()}
    return digest([digest_arrays(images, labels), asdict(extractor.settings), arrays])


@dataclass(frozen=True)
class Deployed:
    """Trained networks with what turns images into their inputs."""

    trainer: Trainer
    models: Models

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The classes (B, N) int64 that the B networks assign to images (N, H, W, C) uint8."""
        return self.models.logits(self.trainer.prepare(images)).argmax(1).cpu().numpy()


def train_deployed(
    images: np.ndarray,
    labels: np.ndarray,
    kept: np.ndarray,
    *,
    root: int,
    models: int,
    training: dict[str, Any],
    device: str = "cpu",
) -> Deployed:
    """The networks that a user would deploy: trained on all kept examples, the same seeds whatever was removed.

    Args:
        kept: (s,) int64, the examples to train on.
    """
    subsets = np.broadcast_to(kept, (models, len(kept)))
    streams = [generator(root, "deployed", index) for index in range(models)]
    kind = trainer(training, device)
    return Deployed(kind, kind.train(kind.prepare(images), torch.from_numpy(labels).to(device), subsets, streams))
