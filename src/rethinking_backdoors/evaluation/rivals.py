"""Features that nobody planted, as rivals of the trigger: is anything as strong as the poison (paper, assumption 1)?

The strength of a set of examples is measured as that of the trigger (eq. 2 and 15). Which sets are tried is decided on the models
with even positions and strength is measured on those with odd ones, so that noise that chose a set does not count for it.
"""

from collections.abc import Sequence

import numpy as np

from rethinking_backdoors.datamodels.difference import difference_in_means
from rethinking_backdoors.margins.arrays import Margins, Masks, mask_rows, masks_of, matched
from rethinking_backdoors.strength import measured

PROFILE = 64  # models whose margins describe an example
Groups = dict[str, list[np.ndarray]]


def rivals(
    masks: Masks,
    margins: np.ndarray | Sequence[np.ndarray] | Margins,
    support: np.ndarray,
    labels: np.ndarray,
    rng: np.random.Generator,
    tried: int = 10,
) -> dict[str, np.ndarray]:
    """The strength at alpha p of the poison and of natural groups of examples.

    Args:
        masks: (m, n) bool or packed. margins: (m, n) or shards of it.
        support: (p,) the poisoned examples. labels: (n,) as in the poisoned set.
        tried: how many groups of each kind, classes excepted.

    Returns:
        ``kind`` (G,), "poison" first and then the kinds of ``natural_groups``; ``size`` (G,); ``strength`` (G,), logits per
        example of the group.

    Memory: that of ``difference_in_means`` of a few targets or examples, and of ``strength_of`` for the largest class.
    """
    margins, even = matched(masks, margins), np.arange(masks.shape[0]) % 2 == 0
    tests = mask_rows(masks, ~even), Margins(margins, ~even)
    groups = natural_groups(mask_rows(masks, even), Margins(margins, even), support, labels, rng, tried)
    groups = {"poison": [support], **groups}
    named = [(kind, members) for kind, sets in groups.items() for members in sets]
    return {
        "kind": np.array([kind for kind, _ in named]),
        "size": np.array([len(members) for _, members in named]),
        "strength": np.array([strength_of(*tests, members) for _, members in named]),
    }


def strength_of(masks: Masks, margins: np.ndarray | Sequence[np.ndarray] | Margins, members: np.ndarray) -> float:
    """The k-strength of a set of examples (eq. 2), averaged over the set: logits per example of the set in the subset.

    Memory: at most 15 m bytes for each of the members.
    """
    return float(measured(masks_of(masks, members), Margins(margins).of(members), np.arange(len(members))).mean())


def natural_groups(
    masks: Masks,
    margins: np.ndarray | Sequence[np.ndarray] | Margins,
    support: np.ndarray,
    labels: np.ndarray,
    rng: np.random.Generator,
    tried: int,
) -> Groups:
    """Sets of clean examples, of as many examples as the poison but for the classes.

    Returns:
        ``class``: all clean examples of each label; ``random``; ``alike``: those nearest to the centres of k-means on margins,
        whose margins rise and fall together; ``partners``: an example and those with which it shares the largest weights, both
        ways, as where the search starts.
    """
    clean, size = np.setdiff1d(np.arange(len(labels)), support), len(support)
    classes = [clean[labels[clean] == label] for label in np.unique(labels)]
    centres = clean[rng.choice(len(clean), tried, replace=False)]
    margins = matched(masks, margins)
    profile = Margins(margins, np.arange(masks.shape[0]) < PROFILE).of(clean)
    return {
        "class": [members for members in classes if len(members) > 1],
        "random": [rng.choice(clean, size, replace=False) for _ in range(tried)],
        "alike": [clean[nearest] for nearest in _alike(profile, size, tried, rng)],
        "partners": list(_partners(masks, margins, centres, clean, size)),
    }


def _alike(margins: np.ndarray, size: int, tried: int, rng: np.random.Generator) -> list[np.ndarray]:
    """For each centre of k-means on the columns of margins (m, c), each scaled to mean 0 and length 1, the nearest columns."""
    from sklearn.cluster import KMeans

    points = margins.T.astype(np.float64)
    points -= points.mean(1, keepdims=True)
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    groups = KMeans(tried, init="random", n_init=1, random_state=int(rng.integers(2**31))).fit(points)
    return list(np.argsort(groups.transform(points), axis=0, kind="stable")[:size].T)


def _partners(masks: Masks, margins: Margins, centres: np.ndarray, clean: np.ndarray, size: int) -> np.ndarray:
    """For each centre i itself and the size - 1 clean examples j with the largest W[i, j] + W[j, i], (tried, size)."""
    shared = difference_in_means(masks_of(masks, centres), margins) + difference_in_means(masks, margins.of(centres)).T
    shared[np.arange(len(centres)), centres] = np.inf
    return clean[np.argsort(-shared[:, clean], axis=1, kind="stable")[:, :size]]
