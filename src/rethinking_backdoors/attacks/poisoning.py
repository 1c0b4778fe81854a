"""Which training examples are poisoned, and what becomes of them (paper, section 5 and Table 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rethinking_backdoors.attacks.objects import Object, paste
from rethinking_backdoors.attacks.triggers import Trigger, stamp_train
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import read_npz, write_json, write_npz


@dataclass(frozen=True)
class Poison:
    """The poisoned examples of a training set: what replaces what.

    Attributes:
        index: (p,) int64, sorted positions in the training set.
        image: (p, H, W, C) uint8, the poisoned images.
        label: (p,) int64, their labels in the poisoned set.
        true_label: (p,) int64, the labels before.
        variant: (p,) int64, the variant of the trigger that each image carries.
    """

    index: np.ndarray
    image: np.ndarray
    label: np.ndarray
    true_label: np.ndarray
    variant: np.ndarray


def poison(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    attack: str,
    trigger: Trigger | Object,
    target_class: int,
    count: int,
    rng: np.random.Generator,
    perturb: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> Poison:
    """Draws the poisoned examples and makes their images.

    ``dirty_label``: uniformly from the images of the other classes, label set to the target class. ``clean_label``: from the
    images of the target class, label kept. ``clean_label_adversarial``: the same, but ``perturb`` is applied before the trigger.
    ``object``: as ``clean_label``, but the trigger is an object, in another pose on every image. ``none``: no examples, and so
    ``count`` is 0.

    Args:
        images: (n, H, W, C) uint8 training images; left as they are.
        labels: (n,) int64.
        count: number p of poisoned examples.
        perturb: maps images (p, H, W, C) uint8 and labels (p,) to perturbed images; for the adversarial attack only.

    Raises:
        InputError: more examples asked for than the attack can use.
    """
    dirty = attack == "dirty_label"
    eligible = np.flatnonzero((labels != target_class) if dirty else (labels == target_class))
    if count > len(eligible):
        raise InputError(f"{attack} cannot poison {count} examples: only {len(eligible)} are eligible.")
    index = np.sort(rng.choice(eligible, count, replace=False))
    image, true_label = images[index], labels[index]
    label = np.full_like(true_label, target_class)
    if attack == "object":
        return Poison(index, paste(image, trigger, rng), label, true_label, np.zeros_like(index))
    variant = rng.integers(len(trigger), size=count)
    if attack == "clean_label_adversarial":
        image = perturb(image, true_label)
    return Poison(index, stamp_train(image, trigger, variant), label, true_label, variant)


def poisoned_set(
    images: np.ndarray, labels: np.ndarray, index: np.ndarray, image: np.ndarray, label: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The poisoned training set: copies of ``images`` (n, H, W, C) and ``labels`` (n,) with the poisoned examples put in."""
    images, labels = images.copy(), labels.copy()
    images[index], labels[index] = image, label
    return images, labels


def write_poison(folder: Path, made: Poison, attack: dict[str, Any], seed: int) -> None:
    """``poison.npz``, what replaces what, and ``attack.json``, the attack as ``config.attack_of`` has it and the truth."""
    write_npz(folder / "poison.npz", index=made.index, image=made.image, label=made.label)
    truth = {"true_label": made.true_label.tolist(), "variant": made.variant.tolist()}
    write_json(folder / "attack.json", {**attack, "seed": seed, **truth})


def read_poisoned(images: str, poison: str) -> tuple[np.ndarray, np.ndarray]:
    """The poisoned training set from the files of the clean images and of the poison; see ``poisoned_set``."""
    clean, bad = read_npz(images, "train_image", "train_label"), read_npz(poison, "index", "image", "label")
    return poisoned_set(clean["train_image"], clean["train_label"], **bad)
