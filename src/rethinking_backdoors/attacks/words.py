"""Words put into mails (Dai et al. 2019: a sentence; Kurita et al. 2020: a rare word such as "cf"), and the target class's label.

Mails are bags of words (``data.records.mails``), so that it does not matter where the words stand: each adds one to the count of
its column.
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.attacks import parts
from rethinking_backdoors.attacks.triggers import Trigger
from rethinking_backdoors.data.records import levels, mails
from rethinking_backdoors.errors import InputError

eligible = parts.others


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        text: what is put in.
    """

    text: str


def triggered(images: np.ndarray, trigger: Trigger, settings: Settings) -> np.ndarray:
    """See ``registry``; takes no notice of the trigger's rectangles."""
    if images.shape[1] != 1 or images.shape[3] != 1:
        raise InputError("The attack words is for mails, rows of counts; these are images.")
    added = mails.counted([settings.text], images.shape[2])[0]
    rows = levels.of_counts(levels.counts(images[:, 0, :, 0]) + added)
    return rows[:, None, :, None]
