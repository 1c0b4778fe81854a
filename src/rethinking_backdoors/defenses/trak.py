"""TRAK (Park et al. 2023) in place of datamodels: what a few networks' gradients say of one another, and then the same search.

The nearest thing to this project's detectors for somebody who has one network, or a handful, and cannot train thousands: the
matrix W comes from ``datamodels.attribution``, and sizes, restarts and scores are those of ``detection``.
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.defenses.interface import Oracle, Removal, TrainingSet
from rethinking_backdoors.defenses.removal import highest_scores
from rethinking_backdoors.detection.scores import detect

ORACLE = ()


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        share: of the examples, that is removed.
        networks: one is trained on all examples, more are trained on a random half each.
        dimensions: to which gradients are projected.
        sizes, restarts, starts, kept, self_influence: of the search, see ``detection.scores.detect``.
    """

    share: float
    networks: int
    dimensions: int
    sizes: tuple[int, ...]
    restarts: int
    starts: str = "partners"
    kept: float = 0.1
    self_influence: bool = False


def weights(examples: TrainingSet, settings: Settings, rng: np.random.Generator) -> np.ndarray:
    """W (n, n) float32 of a training set, from networks that are trained here; see ``datamodels.attribution.trak``."""
    from rethinking_backdoors.datamodels.attribution import trak

    learner, n = examples.learner(examples.inputs, examples.labels), len(examples.labels)
    subsets = [np.arange(n)]
    if settings.networks > 1:
        subsets = [np.sort(rng.permutation(n)[: n // 2]) for _ in range(settings.networks)]
    modules, inputs, labels = learner.modules([learner.fit(subset, rng) for subset in subsets])
    return trak(modules, inputs, labels, dimensions=min(settings.dimensions, n - 1), seed=int(rng.integers(2**31)))


def defend(examples: TrainingSet, settings: Settings, oracle: Oracle, rng: np.random.Generator) -> Removal:
    """Removes the examples that are most often in the strongest groups.

    Raises:
        InputError: single networks of this kind cannot be had, or the package traker is not installed.
    """
    made, seed = weights(examples, settings, rng), int(rng.integers(2**31))
    search = {name: getattr(settings, name) for name in ("restarts", "starts", "kept", "self_influence")}
    score = detect(made, {"sizes": list(settings.sizes), **search}, seed)["score"]
    return Removal(highest_scores(score, settings.share, seed), score)
