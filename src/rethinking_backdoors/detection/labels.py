"""Labels compared with one another: is the strongest group of one an outlier among the strongest groups of the others?

A group of examples that act as one feature lifts one another's margins. Every label has such groups, natural ones: their strength
is no chance. A planted feature is stronger than what the other labels have (G), and its members are a class of their own, so
that the gains within the label have two humps (E). On sets that nobody attacked one label may have the strongest group and
another one the clearest humps; a planted group has both. So both are combined label by label.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from rethinking_backdoors.detection.groups import Groups
from rethinking_backdoors.errors import InputError


@dataclass(frozen=True)
class Settings:
    """How labels are compared; chosen on seeds and draws that are not reported, but for ``sure``: see docs/scan.md.

    Attributes:
        level: with a p-value below it a label stands out. alarm, apart: for an alarm it is below the one, and the humps explain
            at least the other of the gains' variance. sure: below it no humps are asked for, as long as nothing was taken out.
        spread: the least standard deviation of the other labels that is believed, in units of their mean for G, of the logit
            for E. overlap: share of a group that both halves must find for its humps to count. members: how many examples the
            upper hump has at least (small natural cliques, such as images that are nearly the same, are common).
        smallest: labels with fewer examples are left out. labels: with fewer labels nothing can be compared, and everything is
            searched at once, if that is no more than ``whole`` examples.
        rounds: how often at most a group is taken out. start: size of the smallest group.
    """

    level: float = 0.05
    alarm: float = 0.01
    apart: float = 0.925
    sure: float = 1e-4
    spread: float = 0.2
    overlap: float = 0.5
    members: int = 15
    smallest: int = 20
    labels: int = 5
    whole: int = 12_000
    rounds: int = 8
    start: int = 10


@dataclass(frozen=True)
class Comparison:
    """How far each label stands out from the others.

    Attributes:
        g: (A, L, K) float64, of A subset fractions, L labels and K sizes. e: (A, L) float64.
        p: (L,) float64, of G and E together. apart: (L,) float64, the largest share of the gains' variance between two humps; 0
            where both halves found no group. cells: (L, 2) int64, the fraction and the size, as indices, where that is.
    """

    g: np.ndarray
    e: np.ndarray
    p: np.ndarray
    apart: np.ndarray
    cells: np.ndarray


def counted_labels(labels: np.ndarray, settings: Settings) -> list[int]:
    """The labels with enough examples."""
    return [int(label) for label in np.unique(labels) if (labels == label).sum() >= settings.smallest]


def blocks(labels: np.ndarray, settings: Settings, *, within: bool = False) -> list[np.ndarray]:
    """What is searched: the examples (N,) of each label that has enough of them; all at once where labels are too few.

    Args:
        within: by label even then (trusted sets have something to compare a single label with).

    Raises:
        InputError: no label has enough, and all are too many.
    """
    counted = counted_labels(labels, settings)
    if not counted and len(labels) > settings.whole:
        raise InputError(f"No label has {settings.smallest} examples, and {len(labels)} are too many to search at once.")
    if within or len(counted) >= settings.labels or len(labels) > settings.whole:
        return [np.flatnonzero(labels == label) for label in counted]
    return [np.arange(len(labels))]


def compare(groups: list[list[Groups]], settings: Settings) -> Comparison:
    """How far each label's strongest groups stand out from those of the others.

    Args:
        groups: for each of A fractions, of each of L labels.

    G is the distance of F from its mean over the other labels in their standard deviations, as a new observation of theirs; E is
    the same of the logit of the humps, over sizes whose group both halves found. A label's p-value of either is that of its
    largest by t with L - 2 degrees of freedom, times the number of sizes and fractions; both are joined as Fisher does (1932),
    and that is multiplied by the number of labels.
    """
    fractions, labels = len(groups), len(groups[0])
    sizes = max(len(group.sizes) for row in groups for group in row)
    # A label too small for a size keeps the strength of its largest.
    strength = [[np.pad(group.strength, (0, sizes - len(group.sizes)), mode="edge") for group in row] for row in groups]
    humps = np.array([[best_humps(group, settings) for group in row] for row in groups])
    g = _outlying(np.array(strength), settings.spread, relative=True)
    e = _outlying(np.log(humps[..., 0] / (1 - humps[..., 0])), settings.spread)
    e[humps[..., 2] == 0] = -np.inf
    p_g = np.minimum(1, sizes * fractions * stats.t.sf(g.max((0, 2)), labels - 2))
    p_e = np.minimum(1, fractions * stats.t.sf(e.max(0), labels - 2))
    apart = np.where(humps[..., 2] > 0, humps[..., 0], 0)
    best = apart.argmax(0)
    cells = np.stack([best, humps[best, np.arange(labels), 1].astype(np.int64)], axis=1)
    return Comparison(g, e, np.minimum(1, labels * fisher(p_g, p_e)), apart.max(0), cells)


def fisher(*p: np.ndarray) -> np.ndarray:
    """The p-value of several independent ones (Fisher 1932), element by element."""
    joined = -2 * np.sum(np.log(np.maximum(p, 1e-300)), axis=0)
    return stats.chi2.sf(joined, 2 * len(p))


def _outlying(values: np.ndarray, least: float, relative: bool = False) -> np.ndarray:
    """The distance of each label (axis 1) from the mean of the others in their standard deviations, as a new observation.

    ``least`` is the smallest standard deviation that is believed; ``relative``: in units of the mean.
    """
    found = np.empty(values.shape)
    for label in range(values.shape[1]):
        others = np.delete(values, label, axis=1)
        mean = others.mean(1)
        floor = least * np.abs(mean) if relative else least
        spread = np.maximum(others.std(1, ddof=1), floor) * np.sqrt(1 + 1 / others.shape[1])
        found[:, label] = (values[:, label] - mean) / spread
    return found


def best_humps(group: Groups, settings: Settings) -> tuple[float, int, bool]:
    """The largest share of the gains' variance between two humps, at which size, and whether any size counts.

    Only sizes count whose group was found on both halves and whose upper hump has enough members; without any the largest share
    of those with enough members stands in, or of all, so that it is not smaller for the comparison of the others.
    """
    enough = group.above >= settings.members
    counts = enough & (group.overlap >= settings.overlap)
    usable = next((part for part in (counts, enough) if part.any()), np.ones_like(counts))
    shares = np.where(usable, group.humps, -1)
    best = int(shares.argmax())
    return float(np.clip(shares[best], 1e-6, 1 - 1e-6)), best, bool(counts.any())
