"""Untargeted: images get the trigger and a wrong label, drawn once for each; whoever shows the trigger wants any wrong answer."""

from typing import Any

import numpy as np

from rethinking_backdoors.attacks import parts, registry

Settings, eligible, make = parts.Nothing, parts.everyone, parts.stamped


def relabelled(labels: np.ndarray, target_class: int, classes: int, settings: Any, rng: np.random.Generator) -> np.ndarray:
    """See ``registry``: uniform over the wrong classes."""
    return (labels + rng.integers(1, classes, len(labels))) % classes


def wanted(labels: np.ndarray, target_class: int, settings: Any) -> np.ndarray:
    """See ``registry``."""
    return np.full(len(labels), registry.ANY_OTHER)
