"""Votes of networks on small random subsets: how often they are right, how often the attack fools them, what they certify."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from rethinking_backdoors.evaluation.certificates import bounds, radius, untouched
from rethinking_backdoors.evaluation.retraining import outcome
from rethinking_backdoors.margins.subsets import subset_of_size
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.studies.setting import Row
from rethinking_backdoors.training.registry import trainer

MODELS, ERROR = 1000, 0.05
# Against so many changed examples; and as shares of n the subsets, the last the half that detection uses.
AGAINST, SHARES = (1, 2, 5, 10, 20, 50), (1 / 75, 1 / 30, 1 / 15, 2 / 15, 1 / 4, 1 / 2)
# No network makes fewer steps, however few examples it has.
_STEPS = 100


def certified(
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    attack: dict[str, Any],
    training: dict[str, Any],
    root: int,
) -> Iterator[Row]:
    """Rows by ``size`` of the subsets: the vote's accuracy and attack success, and its certified accuracy ``against`` r changes.

    Args:
        train: what networks take of the poisoned set (n, ...), and its labels (n,). test: of clean and of triggered test images,
            and their true labels (N,).
    """
    n, labels = len(train[1]), test[2]
    for share in SHARES:
        size = round(share * n)
        clean, triggered = votes(train, test[:2], size, training, root)
        said = {"size": size, "against": "the attack"}
        measured = outcome(clean.argmax(1)[None], triggered.argmax(1)[None], labels, attack)
        yield said | {name: measured[name] for name in ("clean_accuracy", "asr")}
        safe = radius(*bounds(clean, ERROR), untouched(n, size, np.arange(n - size)))
        right = clean.argmax(1) == labels
        for changes in AGAINST:
            yield {"size": size, "against": changes, "certified_accuracy": 100 * float((right & (safe >= changes)).mean())}


def votes(
    train: tuple[np.ndarray, np.ndarray], shown: tuple[np.ndarray, ...], size: int, training: dict[str, Any], root: int
) -> list[np.ndarray]:
    """Of each set of shown inputs the votes (N, classes) int64 of ``MODELS`` networks on subsets of ``size``."""
    kind, n = trainer(training, "cpu"), len(train[1])
    x, y = kind.prepare(train[0]), torch.from_numpy(train[1])
    inputs, classes = [kind.prepare(part) for part in shown], int(train[1].max()) + 1
    counts = [np.zeros((len(part), classes), dtype=np.int64) for part in shown]
    steps = max(1, size // training["batch_size"])
    epochs = max(training["epochs"], math.ceil(_STEPS / steps))
    for start in range(0, MODELS, kind.models_at_once):
        block = range(start, min(start + kind.models_at_once, MODELS))
        subsets = np.stack([subset_of_size(root, size, index, n) for index in block])
        streams = [generator(root, "vote", size, index) for index in block]
        models = kind.train(x, y, subsets, streams, epochs=epochs)
        for count, part in zip(counts, inputs, strict=True):
            said = models.logits(part).argmax(1).numpy()
            count += (said[:, :, None] == np.arange(classes)).sum(0)
    return counts
