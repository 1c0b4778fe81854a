"""WaNet, static (Nguyen and Tran 2021): images are warped by a smooth field and get the target class's label; covers are warped
by the field with noise and keep theirs.

The field: a grid x grid of displacements, uniform in [-1, 1] over their mean absolute value, enlarged bicubically to the
image's size, times strength over that size; coordinates run from -1 to 1 and are cut off there; bilinear, corners aligned.
Published: grid 4, strength .5, twice as many covers as poisoned images (there new at every epoch, as the attacker controls
training; here they are part of the data). The mean shift is about a quarter of a pixel whatever the size: small images need
more strength.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.triggers import Trigger


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        grid: displacements a side. strength: of the warp. field: seed of the displacements.
        covers: how many for each poisoned image.
    """

    grid: int = 4
    strength: float = 0.5
    field: int = 0
    covers: float = 2.0


eligible = coverable = parts.others


def cover(images: np.ndarray, trigger: Trigger, settings: Settings, rng: np.random.Generator) -> np.ndarray:
    """See ``registry``: the field plus uniform noise of up to one over the image's size, another for each image."""
    places = coordinates(images.shape[1:3], settings)
    noise = rng.uniform(-1, 1, (len(images), *places.shape)) / images.shape[1]
    return warp(images, np.clip(places + noise, -1, 1))


def triggered(images: np.ndarray, trigger: Trigger, settings: Settings) -> np.ndarray:
    """See ``registry``; takes no notice of the trigger's rectangles."""
    places = coordinates(images.shape[1:3], settings)
    return warp(images, np.broadcast_to(places, (len(images), *places.shape)))


def coordinates(shape: tuple[int, int], settings: Settings) -> np.ndarray:
    """Where each pixel of a warped image is taken from, (H, W, 2): column and row, from -1 to 1."""
    drawn = np.random.default_rng(settings.field).uniform(-1, 1, (1, 2, settings.grid, settings.grid))
    coarse = torch.from_numpy(drawn / np.abs(drawn).mean())
    fine = functional.interpolate(coarse, size=shape, mode="bicubic", align_corners=True)[0].permute(1, 2, 0).numpy()
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    return np.clip(np.stack([columns, rows], axis=-1) + settings.strength * fine / shape[0], -1, 1)


def warp(images: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Images (N, H, W, C) uint8 sampled bilinearly at places (N, H, W, 2)."""
    planes = torch.from_numpy(images).permute(0, 3, 1, 2).double()
    taken = functional.grid_sample(planes, torch.from_numpy(np.ascontiguousarray(places)), mode="bilinear", align_corners=True)
    return parts.pixels(taken.permute(0, 2, 3, 1).numpy())
