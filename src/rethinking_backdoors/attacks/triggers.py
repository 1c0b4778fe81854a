"""Triggers: rectangles of one colour. A trigger has one or more variants (the paper's three-way attack has three)."""

from collections.abc import Mapping, Sequence

import numpy as np

from rethinking_backdoors.errors import InputError

# {"rows": [first, last], "columns": [first, last], "color": [one value a channel]}, both ends included, 0..255.
Rectangle = dict
# A variant is a list of rectangles, a trigger a list of variants.
Trigger = Sequence[Sequence[Rectangle]]


def check(triggers: Mapping[str, Trigger | dict], shape: tuple[int, int, int]) -> None:
    """Raises InputError, which names the trigger, unless all of the configuration's fit images of ``shape`` (H, W, C).

    Objects, which are mappings, are drawn to fit.
    """
    for name, trigger in triggers.items():
        for rectangle in (rectangle for variant in trigger if not isinstance(trigger, Mapping) for rectangle in variant):
            if wrong := _misfit(rectangle, shape):
                raise InputError(f"The configuration is wrong at triggers.{name}: {wrong}.")


def stamp(images: np.ndarray, variant: Sequence[Rectangle]) -> np.ndarray:
    """Puts one variant of a trigger on every image.

    Args:
        images: (N, H, W, C) uint8; left as they are.
        variant: the rectangles to paint.

    Returns:
        A copy, (N, H, W, C) uint8. Source: Figure 6 and section 5 of the paper.

    Raises:
        InputError: a rectangle does not lie in the images, or its colour is not one of theirs.
    """
    stamped = images.copy()
    for rectangle in variant:
        if wrong := _misfit(rectangle, images.shape[1:]):
            raise InputError(f"a trigger does not fit the images: {wrong}.")
        (top, bottom), (left, right) = rectangle["rows"], rectangle["columns"]
        stamped[:, top : bottom + 1, left : right + 1] = rectangle["color"]
    return stamped


def stamp_train(images: np.ndarray, trigger: Trigger, variant: np.ndarray) -> np.ndarray:
    """Puts on image i the variant ``variant[i]``: in training each poisoned image carries one of them.

    Args:
        images: (p, H, W, C) uint8.
        trigger: the variants.
        variant: (p,) index into ``trigger``.

    Returns:
        A copy, (p, H, W, C) uint8.
    """
    stamped = images.copy()
    for number, rectangles in enumerate(trigger):
        chosen = variant == number
        stamped[chosen] = stamp(images[chosen], rectangles)
    return stamped


def stamp_drawn(images: np.ndarray, trigger: Trigger, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """``stamp_train`` with variants drawn uniformly: the images (p, H, W, C) and each one's variant (p,)."""
    variant = rng.integers(len(trigger), size=len(images))
    return stamp_train(images, trigger, variant), variant


def stamp_test(images: np.ndarray, trigger: Trigger) -> np.ndarray:
    """Puts every variant on every image, as the paper does at test time; (N, H, W, C) uint8 in and out."""
    for variant in trigger:
        images = stamp(images, variant)
    return images


def _misfit(rectangle: Rectangle, shape: tuple[int, ...]) -> str:
    """Why a rectangle cannot be painted on images of ``shape`` (H, W, C); empty if it can."""
    for name, length in zip(("rows", "columns"), shape[:2], strict=True):
        first, last = rectangle[name]
        if not 0 <= first <= last < length:
            return f"{name} are [{first}, {last}], the images have {name} 0 to {length - 1} (give the first and the last)"
    if len(rectangle["color"]) != shape[2]:
        return f"color has {len(rectangle['color'])} values, the images have {shape[2]}"
    return ""
