"""Triggers: rectangles of one colour. A trigger has one or more variants (the paper's three-way attack has three)."""

from collections.abc import Sequence

import numpy as np

# {"rows": [first, last], "columns": [first, last], "color": [one value a channel]}, both ends included, 0..255.
Rectangle = dict
# A variant is a list of rectangles, a trigger a list of variants.
Trigger = Sequence[Sequence[Rectangle]]


def stamp(images: np.ndarray, variant: Sequence[Rectangle]) -> np.ndarray:
    """Puts one variant of a trigger on every image.

    Args:
        images: (N, H, W, C) uint8; left as they are.
        variant: the rectangles to paint.

    Returns:
        A copy, (N, H, W, C) uint8. Source: Figure 6 and section 5 of the paper.
    """
    stamped = images.copy()
    for rectangle in variant:
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


def stamp_test(images: np.ndarray, trigger: Trigger) -> np.ndarray:
    """Puts every variant on every image, as the paper does at test time; (N, H, W, C) uint8 in and out."""
    for variant in trigger:
        images = stamp(images, variant)
    return images
