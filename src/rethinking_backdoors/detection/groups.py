"""The strongest group of examples of one label, cross-fitted: found on one half of the models and judged on the other.

Only blocks of W within a label are made: time and memory grow with the square of the largest label, not of the data set.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.datamodels import DifferenceInMeans, halves_of
from rethinking_backdoors.detection.pairs import pair_sums
from rethinking_backdoors.detection.search import search_pairs
from rethinking_backdoors.margins.arrays import Margins, Masks, masks_of

RESTARTS = 30


@dataclass(frozen=True)
class Groups:
    """The strongest groups of one label with N examples, one of each of its sizes, found on either half of the models.

    Attributes:
        members: (N,) int64, the examples of the label.
        sizes: (K,) int64, none above N / 2.
        strength: (K,) float64, F: how much more the whole group moves a member's margin than as many others of the label do, on
            the half that the group was not found on; mean of both directions.
        gain: (K, N) float64, the same of each example: mean weight from the group's other members minus mean weight from the
            label's others; mean of both directions.
        overlap: (K,) float64, the share of a group that was found on both halves.
        humps: (K,) float64, eta: the share of the gains' variance that Otsu's threshold explains. above: (K,) int64, how many
            gains lie above it.
        sets: (2, K, N) bool, the groups.
    """

    members: np.ndarray
    sizes: np.ndarray
    strength: np.ndarray
    gain: np.ndarray
    overlap: np.ndarray
    humps: np.ndarray
    above: np.ndarray
    sets: np.ndarray


def half_octaves(first: int, last: int) -> list[int]:
    """Group sizes in steps of the square root of 2, from the first on, none above the last."""
    steps = (round(first * 2 ** (step / 2)) for step in range(64))
    return [size for size in steps if size <= last]


def strongest(
    masks: Masks, margins: np.ndarray | Sequence[np.ndarray] | Margins, members: np.ndarray, sizes: list[int], *, seed: int
) -> Groups:
    """Searches the examples of one label for the groups that support one another most.

    Args:
        masks: (m, n) bool or packed, the models' subsets. margins: (m, n) or shards of it.
        members: (N,) int64, the examples of the label. sizes: those above N / 2 are left out.
        seed: of the search's starts.

    Memory: 4 m N bytes for margins, 1 m N for masks, four blocks of N x N.
    """
    sizes = [size for size in sizes if size <= len(members) // 2]
    inside, block = masks_of(masks, members), Margins(margins).of(members)
    halves = tuple(halves_of(lambda a, b: DifferenceInMeans("group").fit(a, b).coef_, inside, block))
    del inside, block
    sets = np.empty((2, len(sizes), len(members)), dtype=bool)
    for found, weights in zip(sets, halves, strict=True):
        pairs = pair_sums(weights).without_self()
        found[:] = search_pairs(pairs, sizes, RESTARTS, seed=seed, starts="partners").best(len(members))
    crossed = [judge(weights, found) for weights, found in zip(reversed(halves), sets, strict=True)]
    strength, gain = (np.mean(values, axis=0) for values in zip(*crossed, strict=True))
    overlap = (sets[0] & sets[1]).sum(1) / np.array(sizes)
    cuts = [otsu(row) for row in gain]
    humps = np.array([share for share, _ in cuts])
    above = np.array([(row > cut).sum() for row, (_, cut) in zip(gain, cuts, strict=True)])
    return Groups(members, np.array(sizes), strength, gain, overlap, humps, above, sets)


def judge(weights: np.ndarray, sets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F (K,) and gains (K, N) of sets (K, N) by the weights W (N, N) within their label, whose diagonal is 0."""
    n, v = len(weights), sets.astype(np.float64)
    k = v.sum(1, keepdims=True)
    received, total = v @ weights, weights.sum(0, dtype=np.float64)
    gain = received / (k - v) - (total - received) / (n - k - (1 - v))
    strength = ((received - k / n * total) * v).sum(1) * n / (k * (n - k))[:, 0]
    return strength, gain


def otsu(values: np.ndarray) -> tuple[float, float]:
    """The cut of (N,) values in two that explains most of their variance: that share, and the threshold, over all N - 1 cuts.

    The threshold lies midway between the two values that it parts. Source: Otsu 1979, without a histogram.
    """
    values = np.sort(values)
    n, centred = len(values), values - values.mean()
    below = np.arange(1, n)
    between = np.cumsum(centred)[:-1] ** 2 / below / (n - below) * n
    best, total = int(between.argmax()), float((centred**2).sum())
    return (float(between[best] / total) if total > 0 else 0.0), float(values[best : best + 2].mean())


def permuted_deviation(masks: np.ndarray, margins: np.ndarray, group: np.ndarray) -> float:
    """Standard deviation of F of a fixed group over all permutations of the masks' rows: the noise of models without information.

    F is a sum over models of a product of two numbers, one of the mask and one of the margins; a permutation pairs them anew, and
    the variance of such a sum is known exactly.

    Args:
        masks: (m, N) bool, margins: (m, N), of the examples of one label. group: (N,) bool.
    """
    n, k = len(group), int(group.sum())
    inside = masks.sum(0)
    design = np.where(masks, 1 / inside, -1 / (len(masks) - inside))
    a = design @ (group - k / n)
    b = margins[:, group].sum(1, dtype=np.float64)
    variance = ((a - a.mean()) ** 2).sum() * ((b - b.mean()) ** 2).sum() / (len(masks) - 1)
    return float(np.sqrt(variance) * n / (k * (n - k)))
