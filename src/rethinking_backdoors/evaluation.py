"""What the truth says about a run: accuracies and attack success of deployed networks, and how well scores find the poison."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from rethinking_backdoors.attacks.triggers import Trigger, stamp_test
from rethinking_backdoors.training.engine import inputs, train_deployed
from rethinking_backdoors.training.mlp import Models


def accuracies(
    models: Models, images: np.ndarray, labels: np.ndarray, trigger: Trigger, target_class: int, device: str = "cpu"
) -> dict[str, float]:
    """Accuracies of deployed networks in percent, averaged over the networks.

    Args:
        images: (N, H, W, C) uint8 test images without trigger. labels: (N,) int64, their true labels.

    Returns:
        ``clean_accuracy``; ``poisoned_accuracy``, on all triggered test images against their true labels (paper, footnote 11);
        ``asr``, the share of triggered test images of the other classes that are assigned to the target class (appendix E.4);
        ``target_class_accuracy``, on the clean test images of the target class.
    """
    clean = models.logits(inputs(images, device)).argmax(1).cpu().numpy()
    triggered = models.logits(inputs(stamp_test(images, trigger), device)).argmax(1).cpu().numpy()
    return outcome(clean, triggered, labels, target_class)


def outcome(clean: np.ndarray, triggered: np.ndarray, labels: np.ndarray, target_class: int) -> dict[str, float]:
    """The measures of ``accuracies`` from predictions (models, N) on clean and on triggered test images."""
    target = labels == target_class
    shares = {
        "clean_accuracy": clean == labels,
        "poisoned_accuracy": triggered == labels,
        "asr": triggered[:, ~target] == target_class,
        "target_class_accuracy": clean[:, target] == target_class,
    }
    return {name: round(100 * float(hits.mean()), 4) for name, hits in shares.items()}


def retrain(
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    removed: Sequence[int],
    *,
    trigger: Trigger,
    target_class: int,
    root: int,
    models: int,
    training: dict[str, Any],
    device: str = "cpu",
) -> dict[str, float]:
    """Trains networks on the poisoned set without the removed examples and measures them (paper, Tables 1, 3 and 6).

    Args:
        train: poisoned images (n, H, W, C) uint8 and labels (n,). test: clean test images and true labels.
        removed: indices of the training examples that a defense removes; empty for no defense.

    Returns:
        See ``accuracies``.
    """
    kept = np.setdiff1d(np.arange(len(train[1])), np.asarray(removed, dtype=np.int64))
    with torch.no_grad():
        deployed = train_deployed(*train, kept, root=root, models=models, training=training, device=device)
        return accuracies(deployed, *test, trigger, target_class, device)
