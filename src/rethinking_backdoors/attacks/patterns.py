"""A natural feature as trigger: a piece of a training image, put on other images at some size (the paper's Figure 2b)."""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional


class Pattern(NamedTuple):
    """A square piece (side, side, C) uint8 of an image, and the first row and column that it has there."""

    piece: np.ndarray
    top: int
    left: int


def candidates(images: np.ndarray, side: int, count: int, rng: np.random.Generator) -> list[Pattern]:
    """Pieces of ``side`` pixels at random places of random images (n, H, W, C) uint8."""
    which = rng.integers(len(images), size=count)
    places = (rng.integers(length - side + 1, size=count) for length in images.shape[1:3])
    chosen = zip(which.tolist(), *(place.tolist() for place in places), strict=True)
    return [Pattern(images[i, top : top + side, left : left + side].copy(), top, left) for i, top, left in chosen]


def resized(pieces: np.ndarray, side: int) -> np.ndarray:
    """Pieces (N, s, s, C) uint8 in another size, (N, side, side, C) uint8: bilinear, averaged where they become smaller."""
    pixels = torch.from_numpy(pieces).permute(0, 3, 1, 2).float()
    scaled = functional.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
    return scaled.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def place(pattern: Pattern, side: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The pixels that a pattern takes in images of shape (H, W, ...) at ``side`` pixels: round its own middle, but inside."""
    starts = zip((pattern.top, pattern.left), shape[:2], strict=True)
    first = [int(np.clip(start + (len(pattern.piece) - side) // 2, 0, length - side)) for start, length in starts]
    top, left = first
    return slice(top, top + side), slice(left, left + side)


def paste(images: np.ndarray, pattern: Pattern, side: int) -> np.ndarray:
    """Puts a pattern on every image (N, H, W, C) uint8, ``side`` pixels wide, round the place that it was cut from; a copy."""
    pasted = images.copy()
    pasted[:, *place(pattern, side, images.shape[1:])] = resized(pattern.piece[None], side)
    return pasted


def exchange(images: np.ndarray, others: np.ndarray, pattern: Pattern, side: int) -> np.ndarray:
    """The control of ``paste``: the same pixels of image i are hidden, but by what image i of ``others`` has where the pattern
    was cut, resized like it; (N, H, W, C) uint8, a copy."""
    full, pasted = len(pattern.piece), images.copy()
    pieces = others[:, pattern.top : pattern.top + full, pattern.left : pattern.left + full]
    pasted[:, *place(pattern, side, images.shape[1:])] = resized(pieces, side)
    return pasted
