"""SPECTRE (Hayase, Kong, Somani and Oh 2021): whitening by a robust covariance, then quantum entropy scores.

The poison of a class need not lie along the direction in which the class varies most. Whitening by the covariance of the clean
examples makes all their directions alike, so that what varies more is poison.
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.defenses.interface import Oracle, Removal, TrainingSet, highest_of_class, suspect_classes
from rethinking_backdoors.defenses.robust import estimate, inverse_root
from rethinking_backdoors.errors import InputError

ORACLE = ("target_class", "poisoned")
# The paper's code tries ten dimensions, evenly spaced in their square roots.
_DIMENSIONS_TRIED = 10


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        dimensions: of the principal components that a class is reduced to at first (100).
        alpha: of the quantum entropy score; 0 is the squared norm, infinity the squared projection on one direction (4).
        removed: how many examples are removed from a class for each poisoned one (1.5).
    """

    dimensions: int
    alpha: float
    removed: float


def entropy_matrix(moment: np.ndarray, alpha: float) -> np.ndarray:
    """exp(alpha (M - I) / (|M| - 1)), the MATRIX exponential, divided by its trace; |M| is the largest eigenvalue.

    Args:
        moment: M (k, k), the second moments of whitened examples; where no direction exceeds 1 all count alike.
    """
    from scipy.linalg import expm

    k, excess = len(moment), np.linalg.eigvalsh(moment)[-1] - 1
    matrix = expm(alpha * (moment - np.eye(k)) / excess) if excess > 1e-9 else np.eye(k)
    return matrix / np.trace(matrix)


def entropy_scores(white: np.ndarray, alpha: float) -> np.ndarray:
    """The quantum entropy scores (m,) of whitened examples (m, k): x' Q x with Q of ``entropy_matrix``; their mean is tr(QM)."""
    matrix = entropy_matrix(white.T @ white / len(white), alpha)
    return np.einsum("ij,ij->i", white @ matrix, white)


def principal(values: np.ndarray, dimensions: int) -> np.ndarray:
    """(m, d) to (m, k): at most ``dimensions`` principal components, without those that vary not at all."""
    centred = values.astype(np.float64) - values.mean(0, dtype=np.float64)
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    real = lengths[:dimensions] > 1e-5 * max(lengths[0], 1e-30)
    return (left[:, :dimensions] * lengths[:dimensions])[:, real]


def scores(reduced: np.ndarray, planted: int, count: int, alpha: float) -> tuple[np.ndarray, int]:
    """The scores of one class, made in the number of dimensions whose highest scores stand out most in all dimensions.

    For each number of components: scores of the examples whitened by robust estimates; without the ``count`` highest (at most
    half of all), the others' covariance whitens all components of all examples, and the mean score there is the objective. There
    are at most half as many components as such others, because a covariance of fewer examples is noise.

    Args:
        reduced: (m, K) principal components, in order. planted: bound on the number of poisoned ones.

    Returns:
        The scores (m,) with the highest objective, and their number of dimensions.
    """
    outside = min(count, len(reduced) // 2)
    reduced = reduced[:, : max(1, (len(reduced) - outside) // 2)]
    best = (-np.inf, np.zeros(len(reduced)), 0)
    for k in candidate_dimensions(reduced.shape[1]):
        part = reduced[:, :k]
        mean, covariance = estimate(part, planted)
        score = entropy_scores((part - mean) @ inverse_root(covariance), alpha)
        kept = np.argsort(-score, kind="stable")[outside:]
        others = reduced[kept] - reduced[kept].mean(0)
        white = (reduced - reduced[kept].mean(0)) @ inverse_root(others.T @ others / len(others))
        best = max(best, (float(entropy_scores(white, alpha).mean()), score, k), key=lambda found: found[0])
    return best[1], best[2]


def candidate_dimensions(most: int) -> list[int]:
    """The numbers of dimensions that are tried, from 1 to ``most``, evenly spaced in their square roots."""
    return sorted({round(root**2) for root in np.linspace(1, most**0.5, _DIMENSIONS_TRIED).tolist()})


def defend(examples: TrainingSet, settings: Settings, oracle: Oracle, rng: np.random.Generator) -> Removal:
    """Removes the highest scores of the target class if told, else of every class; draws nothing.

    Raises:
        InputError: it was not told the number of poisoned examples.
    """
    if oracle.poisoned is None:
        raise InputError("SPECTRE has to be told poisoned, the number of poisoned examples.")
    count = int(settings.removed * oracle.poisoned)
    score, removed = np.full(len(examples.labels), -np.inf), []
    for members in suspect_classes(examples.labels, oracle):
        reduced = principal(examples.representations[members], settings.dimensions)
        score[members], _ = scores(reduced, oracle.poisoned, count, settings.alpha)
        removed.append(highest_of_class(score, members, count))
    return Removal(np.concatenate(removed), score)
