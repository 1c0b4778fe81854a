"""Spectral Signatures (Tran, Li and Madry 2018): outliers along the direction in which a class varies most.

The authors' paper and their published code differ, so there are two variants. ``paper``: squared projections of the centred
representations, 1.5 times the number of poisoned examples removed from each class. ``released``: absolute projections of the
representations as they are, on the direction of the centred ones, and a fixed share of each class removed (15 %).
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.defenses.interface import Oracle, Removal, TrainingSet, highest_of_class, suspect_classes
from rethinking_backdoors.errors import InputError

ORACLE = ("target_class", "poisoned")


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        variant: "paper" or "released".
        removed: paper: how many are removed from a class for each poisoned example (1.5); released: the share of a class (0.15).
    """

    variant: str
    removed: float


def scores(representations: np.ndarray, variant: str) -> np.ndarray:
    """The outlier scores (m,) float64 of one class from its representations (m, d): algorithm 1 of the paper, or the code's.

    Raises:
        InputError: there is no such variant.
    """
    if variant not in ("paper", "released"):
        raise InputError(f"Spectral Signatures has the variants paper and released; given: {variant}.")
    values = representations.astype(np.float64)
    centred = values - values.mean(0)
    direction = np.linalg.svd(centred, full_matrices=False)[2][0]
    return (centred @ direction) ** 2 if variant == "paper" else np.abs(values @ direction)


def defend(examples: TrainingSet, settings: Settings, oracle: Oracle, rng: np.random.Generator) -> Removal:
    """Removes the highest scores of the target class if told, else of every class; draws nothing.

    Raises:
        InputError: the variant ``paper`` was not told the number of poisoned examples.
    """
    if settings.variant == "paper" and oracle.poisoned is None:
        raise InputError("Spectral Signatures as in its paper has to be told poisoned, the number of poisoned examples.")
    score, removed = np.full(len(examples.labels), -np.inf), []
    for members in suspect_classes(examples.labels, oracle):
        score[members] = scores(examples.representations[members], settings.variant)
        base = oracle.poisoned if settings.variant == "paper" and oracle.poisoned is not None else len(members)
        removed.append(highest_of_class(score, members, int(settings.removed * base)))
    return Removal(np.concatenate(removed), score)
