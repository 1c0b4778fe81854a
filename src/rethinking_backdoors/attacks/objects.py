"""A plausible object as trigger: drawn by code, anti-aliased, shaded, in a new pose on every image (the paper's Figure 2a).

The paper renders hats onto photographs of cats. Here an object is a list of parts in a frame of its own, from -1 to 1 rightwards
and downwards; each image gets it at another place, size and tilt.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rethinking_backdoors.errors import InputError

# {"shape": "line", "points": [start, end], "width": w}, {"shape": "polygon", "points": [...]} or {"shape": "ellipse", "points":
# [centre, radii]}, each with "color" [one value a channel, 0..255] and "shade" 0..1.
Part = dict[str, Any]
# "parts"; "rows", "columns" [lowest, highest] place of the centre and "size" of the frame's side, as shares of the image's side;
# "tilt", the largest turn to either side in degrees.
Object = dict[str, Any]

# Points a pixel and direction at which coverage is sampled.
_SAMPLES = 5


class Pose(NamedTuple):
    """Where an object stands: centre and side of its frame, as shares of the image's side, and its turn in radians."""

    row: float
    column: float
    size: float
    turn: float


def in_line(u: np.ndarray, v: np.ndarray, part: Part) -> np.ndarray:
    """Whether points are within half the width of a segment, whose ends are round."""
    (u0, v0), (u1, v1) = part["points"]
    along = ((u - u0) * (u1 - u0) + (v - v0) * (v1 - v0)) / ((u1 - u0) ** 2 + (v1 - v0) ** 2)
    along = along.clip(0, 1)
    return np.hypot(u - u0 - along * (u1 - u0), v - v0 - along * (v1 - v0)) <= part["width"] / 2


def in_ellipse(u: np.ndarray, v: np.ndarray, part: Part) -> np.ndarray:
    """Whether points are in an ellipse with axes along the frame's."""
    (u0, v0), (across, down) = part["points"]
    return ((u - u0) / across) ** 2 + ((v - v0) / down) ** 2 <= 1


def in_polygon(u: np.ndarray, v: np.ndarray, part: Part) -> np.ndarray:
    """Whether points are in a polygon. (Pillow's ImageDraw rounds corners to whole samples and fills those on the edges too.)"""
    from matplotlib.path import Path  # only here: no other trigger needs matplotlib

    return Path(part["points"]).contains_points(np.column_stack([u.ravel(), v.ravel()])).reshape(u.shape)


SHAPES: dict[str, Callable[[np.ndarray, np.ndarray, Part], np.ndarray]] = {
    "line": in_line,
    "ellipse": in_ellipse,
    "polygon": in_polygon,
}


def render(parts: list[Part], shape: tuple[int, int, int], pose: Pose) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """Draws an object; what lies outside its frame or the image is cut off.

    Args:
        parts: later ones hide earlier ones. Light comes from the left: ``shade`` 0.3 is 30 % brighter at the frame's left edge
            and darker at its right.
        shape: (H, W, C) of the image.

    Returns:
        The rows and columns of the image that it can touch, (h, w); its colour times its coverage (h, w, C) float, 0..255; and
        its coverage (h, w) float, 0..1, the share of the pixel that it hides.
    """
    height, width, channels = shape
    centre, half = (pose.row * height, pose.column * width), pose.size * height / 2
    box = []
    for middle, length in zip(centre, (height, width), strict=True):
        ends = np.array([np.floor(middle - half * np.sqrt(2)), np.ceil(middle + half * np.sqrt(2))]).clip(0, length)
        box.append(slice(*ends.astype(int)))
    down, right = (
        (np.arange(span.start * _SAMPLES, span.stop * _SAMPLES) + 0.5) / _SAMPLES - middle
        for span, middle in zip(box, centre, strict=True)
    )
    cos, sin = np.cos(pose.turn) / half, np.sin(pose.turn) / half
    u, v = cos * right + sin * down[:, None], cos * down[:, None] - sin * right
    frame = (np.abs(u) <= 1) & (np.abs(v) <= 1)
    color, coverage = np.zeros((*u.shape, channels)), np.zeros(u.shape)
    for part in parts:
        hit = frame & SHAPES[part["shape"]](u, v, part)
        light = 1 - part["shade"] * u[hit]
        color[hit] = (light[:, None] * part["color"]).clip(0, 255)
        coverage[hit] = 1
    return tuple(box), _pixels(color), _pixels(coverage)


def _pixels(samples: np.ndarray) -> np.ndarray:
    """Means over the samples of each pixel: (h S, w S, ...) to (h, w, ...)."""
    rows, columns, *rest = samples.shape
    return samples.reshape(rows // _SAMPLES, _SAMPLES, columns // _SAMPLES, _SAMPLES, *rest).mean((1, 3))


def paste(images: np.ndarray, thing: Object, rng: np.random.Generator) -> np.ndarray:
    """Puts an object on every image, each time in a pose of its own, drawn uniformly within the object's ranges.

    Args:
        images: (N, H, W, C) uint8; left as they are.

    Returns:
        A copy, (N, H, W, C) uint8.

    Raises:
        InputError: a part's colour has not one value a channel.
    """
    for part in thing["parts"]:
        if len(part["color"]) != images.shape[3]:
            raise InputError(f"the object's colour {part['color']} has not one value for each of {images.shape[3]} channels.")
    pasted, tilt = images.copy(), np.deg2rad(thing["tilt"])
    ranges = [*(thing[name] for name in ("rows", "columns", "size")), (-tilt, tilt)]
    poses = np.stack([rng.uniform(*ends, size=len(images)) for ends in ranges], axis=1)
    for image, pose in zip(pasted, poses, strict=True):
        (rows, columns), color, coverage = render(thing["parts"], images.shape[1:], Pose(*pose))
        image[rows, columns] = np.rint((1 - coverage[..., None]) * image[rows, columns] + color)
    return pasted
