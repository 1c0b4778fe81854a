"""Labels compared with one another: is the strongest group of one an outlier among the strongest groups of the others?

A group of examples that act as one feature lifts one another's margins. Every label has such groups, natural ones: their strength
is no chance. A planted feature is stronger than what the other labels have (G), and its members are a class of their own, so
that the gains within the label have two humps (E).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from rethinking_backdoors.detection.groups import Groups


@dataclass(frozen=True)
class Settings:
    """How labels are compared; chosen on digits (seeds 100 to 102), see docs/scan.md.

    Attributes:
        level: an alarm's p-value is below it. spread: the least standard deviation of the other labels that is believed, in units
            of their mean for G, of the logit for E. overlap: share of a group that both halves must find for its humps to count.
        smallest: labels with fewer examples are left out. labels: with fewer
            labels nothing can be compared. rounds: how often at most a group is taken out. start: size of the smallest group.
    """

    level: float = 0.05
    spread: float = 0.2
    overlap: float = 0.5
    smallest: int = 20
    labels: int = 5
    rounds: int = 8
    start: int = 10


@dataclass(frozen=True)
class Comparison:
    """How far each label stands out from the others.

    Attributes:
        g: (A, L, K) float64, of A subset fractions, L labels and K sizes. e: (A, L) float64. cell: indices (a, l, k) of the group
            of the largest G or E, whichever alarms more. p: twice the smaller of p_g and p_e, at most 1.
    """

    g: np.ndarray
    e: np.ndarray
    p_g: float
    p_e: float
    cell: tuple[int, int, int]

    @property
    def p(self) -> float:
        return min(1.0, 2 * min(self.p_g, self.p_e))

    @property
    def p_humps(self) -> float:
        """Of the humps of this group's label and fraction alone, by t, whatever else was looked at."""
        fraction, label, _ = self.cell
        return float(stats.t.sf(self.e[fraction, label], self.e.shape[1] - 2))


def counted_labels(labels: np.ndarray, settings: Settings) -> list[int]:
    """The labels with enough examples."""
    return [int(label) for label in np.unique(labels) if (labels == label).sum() >= settings.smallest]


def compare(groups: list[list[Groups]], settings: Settings) -> Comparison:
    """How far each label's strongest groups stand out from those of the others.

    Args:
        groups: for each of A fractions, of each of L labels.

    G is the distance of F from its mean over the other labels in their standard deviations, as a new observation of theirs; p_g
    is that of the largest G by t with L - 2 degrees of freedom, times the number of labels, sizes and fractions. E is the same of
    the logit of the humps, over sizes whose group both halves found.
    """
    fractions, labels = len(groups), len(groups[0])
    sizes = max(len(group.sizes) for row in groups for group in row)
    # A label too small for a size keeps the strength of its largest.
    strength = [[np.pad(group.strength, (0, sizes - len(group.sizes)), mode="edge") for group in row] for row in groups]
    humps = np.array([[best_humps(group, settings) for group in row] for row in groups])
    g = _outlying(np.array(strength), settings.spread, relative=True)
    e = _outlying(np.log(humps[..., 0] / (1 - humps[..., 0])), settings.spread)
    e[humps[..., 2] == 0] = -np.inf
    p_g = float(min(1, labels * sizes * fractions * stats.t.sf(g.max(), labels - 2)))
    p_e = float(min(1, labels * fractions * stats.t.sf(e.max(), labels - 2)))
    if p_e < p_g:
        a, label = (int(at) for at in np.unravel_index(e.argmax(), e.shape))
        return Comparison(g, e, p_g, p_e, (a, label, int(humps[a, label, 1])))
    a, label, size = (int(at) for at in np.unravel_index(g.argmax(), g.shape))
    return Comparison(g, e, p_g, p_e, (a, label, min(size, len(groups[a][label].sizes) - 1)))


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

    Only sizes count whose group was found on both halves; without any the largest share of all stands in, so that it is not
    smaller for the comparison of the others.
    """
    counts = group.overlap >= settings.overlap
    shares = np.where(counts, group.humps, -1) if counts.any() else group.humps
    best = int(shares.argmax())
    return float(np.clip(shares[best], 1e-6, 1 - 1e-6)), best, bool(counts.any())
