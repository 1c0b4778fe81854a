"""Activation Clustering (Chen et al. 2018): each class is cut in two clusters, one of which may be the poison.

The paper reduces with independent components and names three ways to say whether a cluster is poison; the reference
implementation (adversarial-robustness-toolbox) reduces with principal components unless told otherwise. All are here, and the
configuration says which is used. Independent components often do not converge on a class's representations: then the answer
depends on where they start and on the last digits of the input, not on the data alone (docs/findings.md). The paper's clusters
are 2-means on 10 dimensions. Poison is taken to be less than half of any class.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.defenses.interface import Learner, Oracle, Removal, TrainingSet
from rethinking_backdoors.errors import InputError

ORACLE = ()


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        reduction: "independent" or "principal" components. dimensions: how many (10).
        analysis: when the smaller cluster of a class is poison. "relative_size": it holds less than ``threshold`` of the class
            (0.35). "silhouette": the mean silhouette of the class's clusters is above ``threshold`` (0.1). "exclusionary": a new
            network, trained without all smaller clusters, assigns it to its label at most ``threshold`` (1) times as often as to
            the most frequent other class.
    """

    reduction: str
    dimensions: int
    analysis: str
    threshold: float


def reduce(representations: np.ndarray, reduction: str, dimensions: int, state: int) -> np.ndarray:
    """(m, d) to (m, k) float64, k being ``dimensions`` or the rank if that is less; nothing is changed where k would be d.

    Raises:
        InputError: there is no such reduction.
    """
    from sklearn.decomposition import PCA, FastICA
    from sklearn.exceptions import ConvergenceWarning

    if reduction not in ("independent", "principal"):
        raise InputError(f"Activation Clustering reduces to independent or principal components; given: {reduction}.")
    values = representations.astype(np.float64)
    rank = int(np.linalg.matrix_rank(values - values.mean(0)))
    if rank == 0 or min(dimensions, rank) == values.shape[1]:
        return values
    if reduction == "principal":
        return PCA(min(dimensions, rank), svd_solver="full").fit_transform(values)
    with warnings.catch_warnings():
        # Few examples a dimension let the components turn for ever; 5,000 steps, 8 starts or deflation settle nothing either.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = FastICA(min(dimensions, rank), whiten="unit-variance", max_iter=200, tol=0.005, random_state=state)
        return model.fit_transform(values)


def smaller_clusters(examples: TrainingSet, settings: Settings, state: int) -> Iterator[tuple[np.ndarray, ...]]:
    """For each class of at least three examples that are not all alike: its members (m,), whether each is in the smaller of
    its two clusters (m,) bool, and the reduced representations (m, k) that were clustered."""
    from sklearn.cluster import KMeans

    for label in np.unique(examples.labels):
        members = np.flatnonzero(examples.labels == label)
        own = examples.representations[members]
        if len(members) < 3 or (own == own[0]).all():
            continue
        reduced = reduce(own, settings.reduction, settings.dimensions, state)
        cluster = KMeans(2, n_init=10, random_state=state).fit_predict(reduced)
        small = cluster == np.bincount(cluster, minlength=2).argmin()
        yield members, small, reduced


def defend(examples: TrainingSet, settings: Settings, oracle: Oracle, rng: np.random.Generator) -> Removal:
    """Removes the smaller cluster of every class in which the analysis calls it poison; makes no scores.

    Raises:
        InputError: there is no such analysis.
    """
    from sklearn.metrics import silhouette_score

    found = list(smaller_clusters(examples, settings, int(rng.integers(2**31))))
    if settings.analysis == "relative_size":
        guilty = [small.mean() < settings.threshold for _, small, _ in found]
    elif settings.analysis == "silhouette":
        guilty = [silhouette_score(reduced, small) > settings.threshold for _, small, reduced in found]
    elif settings.analysis == "exclusionary":
        learner = examples.learner(examples.inputs, examples.labels)
        groups = [members[small] for members, small, _ in found]
        guilty = reclassified(learner, examples.labels, groups, settings.threshold, rng)
    else:
        raise InputError(f"Activation Clustering analyses relative_size, silhouette or exclusionary; given: {settings.analysis}.")
    removed = [members[small] for (members, small, _), bad in zip(found, guilty, strict=True) if bad]
    return Removal(np.concatenate([np.empty(0, dtype=np.int64), *removed]))


def reclassified(
    learner: Learner, labels: np.ndarray, groups: list[np.ndarray], threshold: float, rng: np.random.Generator
) -> list[bool]:
    """Exclusionary reclassification: whether a network trained without any of the groups takes each for another class.

    Args:
        labels: (n,). groups: indices of the examples in question, each group of one label.
        threshold: T of the paper; a group is legitimate if its label's share is more than T times the largest other share.
    """
    questioned = np.concatenate([np.empty(0, dtype=np.int64), *groups])
    network = learner.fit(np.setdiff1d(np.arange(len(labels)), questioned), rng)
    predicted, classes = learner.evaluate(network)[1], int(labels.max()) + 1
    guilty = []
    for group in groups:
        counts = np.bincount(predicted[group], minlength=classes)
        own, counts[labels[group[0]]] = counts[labels[group[0]]], 0
        guilty.append(bool(own <= threshold * counts.max()))
    return guilty
