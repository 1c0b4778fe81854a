"""All to all (Gu et al. 2017): images of every class get the trigger and the label of the next class."""

from typing import Any

import numpy as np

from rethinking_backdoors.attacks import parts

Settings, eligible, make = parts.Nothing, parts.everyone, parts.stamped


def relabelled(labels: np.ndarray, target_class: int, classes: int, settings: Any, rng: np.random.Generator) -> np.ndarray:
    """See ``registry``."""
    return (labels + 1) % classes


def wanted(labels: np.ndarray, target_class: int, settings: Any) -> np.ndarray:
    """See ``registry``: of every test image the next class."""
    return (labels + 1) % (labels.max() + 1)
