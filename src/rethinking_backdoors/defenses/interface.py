"""What every defense gets and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rethinking_backdoors.errors import InputError

if TYPE_CHECKING:  # torch takes seconds to import: only defenses that train need it
    import torch


class Learner(Protocol):
    """Trains networks on parts of one training set; ``training.learner.Learner`` is one."""

    def fit(self, subset: np.ndarray, rng: np.random.Generator, epochs: int | None = None, start: Any = None) -> Any:
        """Trains a network on the examples ``subset`` (s,), from new weights or from a network ``start`` that ``fit`` returned.

        Args:
            epochs: how many passes over the subset; the recipe's number if not given.
        """

    def evaluate(self, network: Any) -> tuple[np.ndarray, np.ndarray]:
        """The cross-entropy (n,) of every example of the training set, and the class (n,) that the network assigns to it."""
        ...

    def modules(self, networks: list[Any]) -> "tuple[list[torch.nn.Module], torch.Tensor, torch.Tensor]":
        """What ``fit`` returned as ordinary modules in float32, the inputs (n, ...) as they take them, and the labels (n,).

        Raises:
            InputError: networks of this kind have no modules of their own.
        """
        ...


@dataclass(frozen=True)
class TrainingSet:
    """What a user has who was handed n training examples and has trained one network on all of them.

    Attributes:
        inputs: (n, H, W, C) uint8 images, or (n, D) float32 features.
        labels: (n,) int64.
        representations: (n, d), the last hidden layer of one network that was trained on all examples.
        learner: makes a ``Learner`` of inputs and labels.
    """

    inputs: np.ndarray
    labels: np.ndarray
    representations: np.ndarray
    learner: Callable[[np.ndarray, np.ndarray], Learner]


@dataclass(frozen=True)
class Oracle:
    """Facts that a user does not have, but that some defenses ask for; None is not told.

    Attributes:
        target_class: the label that the attacker wants.
        poisoned: the number of poisoned examples, or a bound on it.
        clean: a few clean examples of every class that are not in the training set: inputs (c, ...) and labels (c,).
    """

    target_class: int | None = None
    poisoned: int | None = None
    clean: tuple[np.ndarray, np.ndarray] | None = None

    def told(self, names: list[str]) -> "Oracle":
        """These facts alone."""
        return Oracle(**{name: getattr(self, name) for name in names})

    def facts(self) -> dict[str, int]:
        """What is told, in numbers; of clean examples how many."""
        clean = None if self.clean is None else len(self.clean[1])
        known = {"target_class": self.target_class, "poisoned": self.poisoned, "clean": clean}
        return {name: fact for name, fact in known.items() if fact is not None}


@dataclass(frozen=True)
class Removal:
    """What a defense found.

    Attributes:
        removed: (r,) int64, sorted indices of the examples to remove.
        score: (n,) float64, higher is more suspicious, in one scale for all examples; -inf for examples that the defense did not
            look at; None if the defense makes no scores.
    """

    removed: np.ndarray
    score: np.ndarray | None = None


def suspect_classes(labels: np.ndarray, oracle: Oracle) -> list[np.ndarray]:
    """The members, (m,) int64 each, of the target class if it was told, else of every class.

    Raises:
        InputError: no example has the label that was told.
    """
    classes = np.unique(labels) if oracle.target_class is None else [oracle.target_class]
    members = [np.flatnonzero(labels == label) for label in classes]
    if not all(map(len, members)):
        raise InputError(f"no training example has the label {oracle.target_class}, which was told as the target class.")
    return members


def highest_of_class(score: np.ndarray, members: np.ndarray, count: int) -> np.ndarray:
    """The ``count`` examples of one class with the highest scores (n,), all of them if it has fewer; (min(count, m),) int64."""
    return members[np.argsort(-score[members], kind="stable")[:count]]
