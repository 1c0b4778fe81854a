"""What the truth says about a run: accuracies and attack success of deployed networks, and how well scores find the poison."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rethinking_backdoors.attacks.triggers import Trigger, stamp_test
from rethinking_backdoors.training.engine import Deployed, train_deployed


# Maps images (N, H, W, C) uint8 to what the network takes: themselves, or features (N, D) float32.
Represent = Callable[[np.ndarray], np.ndarray]


def _as_it_is(images: np.ndarray) -> np.ndarray:
    return images


def accuracies(
    deployed: Deployed,
    images: np.ndarray,
    labels: np.ndarray,
    trigger: Trigger,
    target_class: int,
    represent: Represent = _as_it_is,
) -> dict[str, float]:
    """Accuracies of deployed networks in percent, averaged over the networks.

    Args:
        images: (N, H, W, C) uint8 test images without trigger. labels: (N,) int64, their true labels.
        represent: what the networks were trained on in place of the images, if anything.

    Returns:
        ``clean_accuracy``; ``poisoned_accuracy``, on all triggered test images against their true labels (paper, footnote 11);
        ``asr``, the share of triggered test images of the other classes that are assigned to the target class (appendix E.4);
        ``target_class_accuracy``, on the clean test images of the target class.
    """
    clean, triggered = (deployed.predict(represent(part)) for part in (images, stamp_test(images, trigger)))
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
    represent: Represent = _as_it_is,
) -> dict[str, float]:
    """Trains networks on the poisoned set without the removed examples and measures them (paper, Tables 1, 3 and 6).

    Args:
        train: poisoned images (n, H, W, C) uint8 and labels (n,). test: clean test images and true labels.
        represent: see ``accuracies``.
        removed: indices of the training examples that a defense removes; empty for no defense.

    Returns:
        See ``accuracies``.
    """
    kept = np.setdiff1d(np.arange(len(train[1])), np.asarray(removed, dtype=np.int64))
    images, labels = represent(train[0]), train[1]
    deployed = train_deployed(images, labels, kept, root=root, models=models, training=training, device=device)
    return accuracies(deployed, *test, trigger, target_class, represent)


def auroc(score: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve in percent; 50 where one of the two groups is empty."""
    from sklearn.metrics import roc_auc_score

    if positive.all() or not positive.any():
        return 50.0
    return 100 * float(roc_auc_score(positive, score))


def precision_at_p(positive: np.ndarray, order: np.ndarray) -> float:
    """Share of poisoned examples among the first p of ``order``, p being their number, in percent."""
    count = int(positive.sum())
    return 100 * float(positive[order[:count]].mean())
