"""Which training examples are poisoned, and what becomes of them (paper, section 5 and Table 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rethinking_backdoors import methods
from rethinking_backdoors.attacks import registry
from rethinking_backdoors.attacks.objects import Object
from rethinking_backdoors.attacks.triggers import Trigger
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
    settings: dict[str, Any] | None = None,
    trigger: Trigger | Object,
    target_class: int,
    count: int,
    rng: np.random.Generator,
    perturb: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> Poison:
    """Draws the poisoned examples and makes their images.

    Args:
        images: (n, H, W, C) uint8 training images; left as they are.
        labels: (n,) int64.
        attack: the name of a module, see ``registry``. settings: what the experiment chooses of it.
        count: number p of poisoned examples.
        perturb: maps images (p, H, W, C) uint8 and labels (p,) to perturbed images; for attacks that need an adversary only.

    Raises:
        InputError: more examples asked for than the attack can use, or there is no such attack.
    """
    module = registry.module(attack)
    eligible = np.flatnonzero(module.eligible(labels, target_class))
    if count > len(eligible):
        raise InputError(f"{attack} cannot poison {count} examples: only {len(eligible)} are eligible.")
    index = np.sort(rng.choice(eligible, count, replace=False))
    true_label = labels[index]
    chosen = methods.settings(module, settings or {})
    image, variant = module.make(images[index], true_label, trigger, chosen, rng, perturb)
    return Poison(index, image, np.full_like(true_label, target_class), true_label, variant)


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
