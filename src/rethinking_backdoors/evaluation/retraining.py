"""What the truth says about a run: accuracies and attack success of deployed networks, and how well scores find the poison."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rethinking_backdoors.attacks import registry
from rethinking_backdoors.training.engine import train_deployed


def outcome(clean: np.ndarray, triggered: np.ndarray, labels: np.ndarray, attack: dict[str, Any]) -> dict[str, float]:
    """The measures of ``retrain`` from predictions (models, N) on clean and on triggered test images with labels (N,)."""
    target = labels == attack["target_class"]
    shares = {
        "clean_accuracy": 100 * (clean == labels).mean(),
        "poisoned_accuracy": 100 * (triggered == labels).mean(),
        "asr": registry.success(clean, triggered, labels, attack),
        "target_class_accuracy": 100 * (clean[:, target] == attack["target_class"]).mean(),
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
) -> dict[str, dict[str, float]]:
    """Trains networks on the poisoned set without what each defense removes, and measures them (paper, Tables 1, 3 and 6).

    Args:
        train: poisoned images (n, H, W, C) uint8 and labels (n,). test: clean test images (N, H, W, C) and their true labels.
        removals: for each defense the indices of the training examples that it removes; empty for no defense.
        attack: of the experiment, see ``config.attack_of``.
        represent: maps images to what the networks take in their place, if anything: features (N, D) float32.

    Returns:
        For each defense percentages, averaged over the networks: ``clean_accuracy``; ``poisoned_accuracy``, on all triggered test
        images against their true labels (footnote 11); ``asr``, the share of triggered test images of the other classes that
        are assigned to the target class (appendix E.4; what other attacks than the paper's want: ``attacks.registry``);
        ``target_class_accuracy``, on the clean test images of that class.
    """
    inputs, labels = represent(train[0]), train[1]
    clean, triggered = (represent(images) for images in (test[0], with_trigger(test[0], attack)))
    measured = {}
    for defense, removed in removals.items():
        kept = np.setdiff1d(np.arange(len(labels)), np.asarray(removed, dtype=np.int64))
        deployed = train_deployed(inputs, labels, kept, root=root, models=models, training=training, device=device)
        measured[defense] = outcome(deployed.predict(clean), deployed.predict(triggered), test[1], attack)
    return measured
