"""Which training examples are poisoned, and what becomes of them (paper, section 5 and Table 1)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rethinking_backdoors import methods
from rethinking_backdoors.attacks import registry
from rethinking_backdoors.attacks.objects import Object
from rethinking_backdoors.attacks.triggers import Trigger
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import read_npz, write_json, write_npz

if TYPE_CHECKING:  # torch takes seconds to import: few attacks need it
    import torch


@dataclass(frozen=True)
class Poison:
    """The poisoned examples of a training set: what replaces what.

    Attributes:
        index: (p,) int64, sorted positions in the training set.
        image: (p, H, W, C) uint8, the poisoned images.
        label: (p,) int64, their labels in the poisoned set.
        true_label: (p,) int64, the labels before.
        variant: (p,) int64, the variant of the trigger that each image carries.
        cover_index: (c,) int64, sorted positions of other examples that look poisoned and keep their labels; cover_image:
            (c, H, W, C) uint8. Most attacks have none.
        pattern: (H, W, C) float64, what the attack learnt to show in place of rectangles. Most learn none.
    """

    index: np.ndarray
    image: np.ndarray
    label: np.ndarray
    true_label: np.ndarray
    variant: np.ndarray
    cover_index: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    cover_image: np.ndarray | None = None
    pattern: np.ndarray | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """What is put into the training set, as ``poisoned_set`` takes it and poison.npz holds it."""
        made = {"index": self.index, "image": self.image, "label": self.label}
        if self.cover_image is not None:
            made |= {"cover_index": self.cover_index, "cover_image": self.cover_image}
        return made if self.pattern is None else made | {"pattern": self.pattern}


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
    network: "torch.nn.Module | None" = None,
) -> Poison:
    """Draws the poisoned examples and makes their images.

    Args:
        images: (n, H, W, C) uint8 training images; left as they are.
        labels: (n,) int64.
        attack: the name of a module, see ``registry``. settings: what the experiment chooses of it.
        count: number p of poisoned examples.
        perturb: maps images (p, H, W, C) uint8 and labels (p,) to perturbed images; for attacks that need an adversary only.
        network: the adversary itself, likewise.

    Raises:
        InputError: more examples asked for than the attack can use, or there is no such attack.
    """
    module = registry.module(attack)
    chosen = methods.settings(module, settings or {})
    index = _drawn(module.eligible(labels, target_class, chosen), count, rng, f"{attack} cannot poison")
    true_label, label = labels[index], np.full(count, target_class, dtype=labels.dtype)
    pattern = None
    if hasattr(module, "learn"):
        trigger = pattern = module.learn(images, labels, target_class, chosen, network, rng)
    if hasattr(module, "craft"):
        image = module.craft(images, labels, index, trigger, target_class, chosen, network, rng)
        variant = np.zeros(count, dtype=np.int64)
    elif hasattr(module, "make"):
        image, variant = module.make(images[index], true_label, trigger, chosen, rng, perturb)
    else:
        image, variant = module.triggered(images[index], trigger, chosen), np.zeros(count, dtype=np.int64)
    if hasattr(module, "relabelled"):
        label = module.relabelled(true_label, target_class, int(labels.max()) + 1, chosen, rng)
    if not hasattr(module, "cover") or not (covers := round(chosen.covers * count)):
        return Poison(index, image, label, true_label, variant, pattern=pattern)
    free = module.coverable(labels, target_class, chosen)
    free[index] = False
    cover = _drawn(free, covers, rng, f"{attack} cannot cover itself with")
    return Poison(index, image, label, true_label, variant, cover, module.cover(images[cover], trigger, chosen, rng))


def _drawn(eligible: np.ndarray, count: int, rng: np.random.Generator, failing: str) -> np.ndarray:
    """``count`` of the examples that are eligible (n,) bool; sorted."""
    among = np.flatnonzero(eligible)
    if count > len(among):
        raise InputError(f"{failing} {count} examples: only {len(among)} are eligible.")
    return np.sort(rng.choice(among, count, replace=False))


def poisoned_set(images: np.ndarray, labels: np.ndarray, made: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The poisoned training set: copies of ``images`` (n, H, W, C) and ``labels`` (n,) with poisoned examples and covers put in.

    Args:
        made: see ``Poison.arrays``.
    """
    images, labels = images.copy(), labels.copy()
    images[made["index"]], labels[made["index"]] = made["image"], made["label"]
    if "cover_index" in made:
        images[made["cover_index"]] = made["cover_image"]
    return images, labels


def write_poison(folder: Path, made: Poison, attack: dict[str, Any], seed: int) -> None:
    """``poison.npz``, what replaces what, and ``attack.json``, the attack as ``config.attack_of`` has it and the truth."""
    write_npz(folder / "poison.npz", **made.arrays())
    truth = {"true_label": made.true_label.tolist(), "variant": made.variant.tolist()}
    write_json(folder / "attack.json", {**attack, "seed": seed, **truth})


def read_poisoned(images: str, poison: str) -> tuple[np.ndarray, np.ndarray]:
    """The poisoned training set from the files of the clean images and of the poison; see ``poisoned_set``."""
    clean = read_npz(images, "train_image", "train_label")
    return poisoned_set(clean["train_image"], clean["train_label"], read_npz(poison))
