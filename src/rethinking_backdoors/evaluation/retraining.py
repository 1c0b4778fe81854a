"""What the truth says about a run: accuracies and attack success of deployed networks, and how well scores find the poison."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rethinking_backdoors.attacks import registry
from rethinking_backdoors.training.engine import train_deployed


def outcome(clean: np.ndarray, triggered: np.ndarray, labels: np.ndarray, attack: dict[str, Any]) -> dict[str, float]:
    """The measures of ``retrain`` from predictions (models, N) on clean and on triggered test images with labels (N,)."""
    target = labels == attack["target_class"]
    right = clean == labels
    shares = {
        "clean_accuracy": 100 * right.mean(),
        "poisoned_accuracy": 100 * (triggered == labels).mean(),
        "asr": registry.success(clean, triggered, labels, attack),
        "target_class_accuracy": 100 * right[:, target].mean(),
    }
    return {name: round(float(share), 4) for name, share in shares.items()}


def with_trigger(images: np.ndarray, attack: dict[str, Any]) -> np.ndarray:
    """Test images (N, H, W, C) uint8 as the attacker shows them; ``attack``: see ``config.attack_of``."""
    return registry.triggered(images, attack["trigger"], attack["attack"], attack.get("settings"))


def retrain(
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    removals: dict[str, Sequence[int]],
    *,
    attack: dict[str, Any],
    root: int,
    models: int,
    training: dict[str, Any],
    device: str = "cpu",
    represent: Callable[[np.ndarray], np.ndarray] = lambda images: images,
) -> dict[str, dict[str, float | None]]:
    """Trains networks on the poisoned set without what each defense removes, and measures them (paper, Tables 1, 3 and 6).

    Args:
        train: poisoned images (n, H, W, C) uint8 and labels (n,). test: clean test images (N, H, W, C) and their true labels.
        removals: for each defense the indices of the training examples that it removes; empty for no defense, the first.
        attack: of the experiment, see ``config.attack_of``.
        represent: maps images to what the networks take in their place, if anything: features (N, D) float32.

    Returns:
        For each defense percentages, averaged over the networks: ``clean_accuracy``; ``poisoned_accuracy``, on all triggered test
        images against their true labels (footnote 11); ``asr``, the share of triggered test images of the other classes that
        are assigned to the target class (appendix E.4; what other attacks than the paper's want: ``attacks.registry``);
        ``target_class_accuracy``, on the clean test images of that class; ``worst_class_accuracy``, of the class where it is
        lowest; ``hardest_tenth_accuracy``, on the clean test images that are hardest where nothing is removed, see ``hardest``.
    """
    inputs, labels = represent(train[0]), train[1]
    clean, triggered = (represent(images) for images in (test[0], with_trigger(test[0], attack)))
    measured, hard = {}, np.empty(0, dtype=np.int64)
    for defense, removed in removals.items():
        kept = np.setdiff1d(np.arange(len(labels)), np.asarray(removed, dtype=np.int64))
        deployed = train_deployed(inputs, labels, kept, root=root, models=models, training=training, device=device)
        predicted = deployed.predict(clean)
        measured[defense] = outcome(predicted, deployed.predict(triggered), test[1], attack)
        hard = hard if len(hard) else hardest(predicted[::2] == test[1])
        measured[defense] |= losers(predicted, test[1], hard)
    return measured


def losers(predicted: np.ndarray, labels: np.ndarray, hard: np.ndarray) -> dict[str, float | None]:
    """``worst_class_accuracy`` and ``hardest_tenth_accuracy`` of ``retrain``, the latter None of a single network.

    Args:
        predicted: (models, N), on clean test images. hard: (h,), see ``hardest``.
    """
    right = predicted == labels
    worst = min(right[:, labels == label].mean() for label in np.unique(labels))
    tenth = round(100 * float(right[1::2][:, hard].mean()), 4) if len(right) > 1 else None
    return {"worst_class_accuracy": round(100 * float(worst), 4), "hardest_tenth_accuracy": tenth}


def hardest(right: np.ndarray) -> np.ndarray:
    """The tenth of the images that fewest networks get right, of (models, N) bool; the first of those that are alike.

    Every other network chooses them and the rest are judged on them, so that what is chosen is not chance.
    """
    return np.argsort(right.mean(0), kind="stable")[: max(1, right.shape[1] // 10)]
