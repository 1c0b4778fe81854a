"""What attacks share: whom they may poison, what has nothing to choose, rectangles, and the way back from numbers to pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rethinking_backdoors.attacks.triggers import Trigger, stamp_drawn


@dataclass(frozen=True)
class Nothing:
    """Nothing to choose."""


def target(labels: np.ndarray, target_class: int, settings: Any) -> np.ndarray:
    """(n,) bool: the examples of the target class."""
    return labels == target_class


def others(labels: np.ndarray, target_class: int, settings: Any) -> np.ndarray:
    """(n,) bool: the examples of all other classes."""
    return labels != target_class


def everyone(labels: np.ndarray, target_class: int, settings: Any) -> np.ndarray:
    """(n,) bool: all examples."""
    return np.ones(len(labels), dtype=bool)


def stamped(
    images: np.ndarray,
    labels: np.ndarray,
    trigger: Trigger,
    settings: Any,
    rng: np.random.Generator,
    perturb: Callable | None,
) -> tuple[np.ndarray, np.ndarray]:
    """``make`` of ``registry``: one variant of the trigger on each image."""
    return stamp_drawn(images, trigger, rng)


def pixels(values: np.ndarray) -> np.ndarray:
    """Float64 values on the scale 0..255 as uint8: cut off at the ends, rounded, halves to even."""
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


def unvaried(images: np.ndarray) -> np.ndarray:
    """(p,) int64 zeros: the variants of a trigger that has one only."""
    return np.zeros(len(images), dtype=np.int64)
