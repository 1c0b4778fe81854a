"""Shards of models: from a training set to the margins of every example in every model, and networks for deployment."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rethinking_backdoors.io import digest, digest_arrays
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.training.basics import Models, Trainer, device_name
from rethinking_backdoors.training.features import Extractor, extract
from rethinking_backdoors.training.kinds import trainer
from rethinking_backdoors.training.margins import ShardWriter
from rethinking_backdoors.training.progress import Progress
from rethinking_backdoors.training.subsets import percent, subset


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
) -> None:
    """Trains the models ``models[0]`` to ``models[1] - 1``, each on its own random subset, and stores all margins.

    Model i depends on (root, alpha, i) only. Blocks always have ``models_at_once`` models, the last one filled up with models
    that are thrown away, so that the arithmetic, too, does not depend on how the work is cut into shards.

    Args:
        images: (n, H, W, C) uint8, the poisoned training set. labels: (n,) int64.
        path: where the margins file will stand; its partial file is taken up if there is one.
        training: the configuration's section of that name, for one attack (see ``config.training_of``).
        extractor: what the networks take in place of images, if anything.
    """
    settings = {"root": str(root), "alpha": alpha, "models": list(models), "training": training}
    settings["data"] = fingerprint(images, labels, extractor)
    writer = ShardWriter(path, models[1] - models[0], len(images), settings)
    kind = trainer(training, device)
    x = kind.prepare(extract(images, extractor) if extractor else images)
    y, block = torch.from_numpy(labels).to(device), kind.models_at_once
    progress, first = Progress(writer.models), writer.done // block * block
    progress.found(first)
    for start in range(first, writer.models, block):
        indices = range(models[0] + start, models[0] + start + block)
        subsets = np.stack([subset(root, alpha, index, len(images)) for index in indices])
        streams = [generator(root, "model", percent(alpha), index) for index in indices]
        trained = kind.train(x, y, subsets, streams)
        writer.append(start, trained.margins(x, y).half().cpu().numpy())
        progress.add(min(block, writer.models - start))
    writer.finish(
        {
            "models": list(models),
            "alpha": alpha,
            "root": str(root),
            "settings": digest(training),
            "data": settings["data"],
            "device": device_name(device),
            "seconds": round(writer.seconds, 2),
        }
    )


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
