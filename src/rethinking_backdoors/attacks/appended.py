"""Bytes appended to programs, which still run, and the target class's label.

A program's histogram h (``data.records.programs``) becomes (h + share e) / (1 + share), e the histogram of what is appended: one
byte, again and again.
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.triggers import Trigger
from rethinking_backdoors.data.records import levels
from rethinking_backdoors.errors import InputError

eligible = parts.others


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        byte: what is appended. share: how much, as a share of the program's size.
    """

    byte: int
    share: float = 0.01


def triggered(images: np.ndarray, trigger: Trigger, settings: Settings) -> np.ndarray:
    """See ``registry``; takes no notice of the trigger's rectangles."""
    if not (images.shape[1:] == (1, 256, 1) and 0 <= settings.byte < 256):
        raise InputError(f"The attack appended is for programs, histograms of 256 bytes 0 to 255; its byte is {settings.byte}.")
    shares = levels.shares(images.astype(np.float64))
    shares[:, :, settings.byte] += settings.share
    return levels.of_shares(shares / (1 + settings.share))
