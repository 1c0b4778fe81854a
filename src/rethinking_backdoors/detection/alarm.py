"""Is there a planted feature? The group of one label that stands out, taken out, and again, until none does.

Nothing here knows which examples are poisoned.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rethinking_backdoors.detection.groups import Groups, otsu
from rethinking_backdoors.detection.labels import Comparison, Settings, best_humps, blocks, compare
from rethinking_backdoors.detection.trusted import Distance, distance

# An answer: a group to be taken out, one label that stands out and may do so by nature, or neither.
ALARM, LOOK, NOTHING, RANKING = "alarm", "look", "nothing stands out", "ranking only"


@dataclass(frozen=True)
class Judgement:
    """What stands out among the groups of all labels.

    Attributes:
        comparison: of the labels with one another; None where there are too few. distance: from trusted sets; None without any.
        levels: (L,) float64, what the p-value of each label must be below for an alarm. sure: below it no humps are asked for.
        settings: of the comparison.
    """

    comparison: Comparison | None
    distance: Distance | None
    levels: np.ndarray
    sure: float
    settings: Settings

    @property
    def above(self) -> bool:
        return self.distance is not None and self.distance.above

    @property
    def alarming(self) -> np.ndarray:
        """(L,) bool, the labels that stand out and whose group stands apart within them, or that stand out very far."""
        if self.comparison is None:
            return np.zeros(len(self.levels), dtype=bool)
        p = self.comparison.p
        return (p < self.levels) & ((self.comparison.apart >= self.settings.apart) | (p < self.sure))

    @property
    def alarm(self) -> bool:
        """Above the trusted sets; without any, a label that stands out and is parted in two, or stands out very far."""
        return self.above if self.distance is not None else bool(self.alarming.any())

    @property
    def stands_out(self) -> bool:
        return self.above or self.p < self.settings.level

    @property
    def cell(self) -> tuple[int, int, int]:
        """Fraction, label and size, as indices, of what stands out most."""
        if self.distance is not None and (self.above or self.comparison is None):
            return self.distance.cell
        assert self.comparison is not None
        p = self.comparison.p
        label = int((np.where(self.alarming, p, 2) if self.alarming.any() else p).argmin())
        fraction, size = self.comparison.cells[label]
        return int(fraction), label, int(size)

    @property
    def apart(self) -> float | None:
        """Share of the gains' variance between two humps, in the label of ``cell``; None where labels were not compared."""
        return float(self.comparison.apart[self.cell[1]]) if self.comparison else None

    @property
    def p(self) -> float:
        """Of the label of ``cell``; 1 where labels were not compared."""
        return float(self.comparison.p[self.cell[1]]) if self.comparison else 1.0


@dataclass(frozen=True)
class Round:
    """One group that stood out.

    Attributes:
        judgement: that showed it. size: of the group. humps: Otsu's share of its gains.
        members: (N,) int64, the examples of its label, and ``gain`` (N,) float64 of each. removed: (r,) int64, those above the
            cut.
    """

    judgement: Judgement
    size: int
    humps: float
    members: np.ndarray
    gain: np.ndarray
    removed: np.ndarray


@dataclass(frozen=True)
class Verdict:
    """What came out; see ``verdict``.

    Attributes:
        answer: ``ALARM``, ``LOOK``, ``NOTHING`` or ``RANKING``. rounds: the groups in the order in which they were found; after
            ``LOOK`` there is one, and nothing of it is removed.
        first: the judgement before anything was removed.
        score: (n,) float64, each example's gain in a group of its label; minus infinity in labels that are too small.
        round: (n,) int64, in which round, from 1 on, an example was removed; 0 where it was not.
    """

    answer: str
    rounds: list[Round]
    first: Judgement
    score: np.ndarray
    round: np.ndarray = field(repr=False)


def verdict(
    search: Callable[[int, np.ndarray], Groups],
    labels: np.ndarray,
    fractions: int,
    settings: Settings,
    references: list[list[list[Groups]]] | None = None,
    *,
    remove: bool = True,
) -> Verdict:
    """Takes the group that stands out of its label, and again, until nothing stands out.

    A later round is about the same label as long as it stands out, or about one that alarms at the level over the number of
    rounds.

    Args:
        search: gives the groups (see ``groups.strongest``) of some examples (N,) of one label at the fraction with this index.
        labels: (n,) int64. fractions: how many there are; the second, where there is one, ranks where nothing stands out.
        references: the groups of trusted sets, see ``trusted.distance``.
        remove: whether an alarm removes anything (too few models are enough for an alarm, not for a cut).
    """
    searched = blocks(labels, settings, within=references is not None)
    groups = [[search(a, members) for members in searched] for a in range(fractions)]
    score, number = np.full(len(labels), -np.inf), np.zeros(len(labels), dtype=np.int64)
    rounds: list[Round] = []
    first = judgement = judge(groups, settings, references, rounds)
    while (judgement.alarm if rounds else judgement.stands_out) and len(rounds) < settings.rounds:
        fraction, place, size = judgement.cell
        rounds.append(made := _round(groups[fraction][place], size, judgement))
        _rate(score, groups[fraction], settings, made)
        if not remove or not first.alarm:
            break
        number[made.removed] = len(rounds)
        rest = np.setdiff1d(made.members, made.removed)
        if len(rest) < settings.smallest:
            break
        for a in range(fractions):
            groups[a][place] = search(a, rest)
        judgement = judge(groups, settings, references, rounds)
    if not rounds:
        _rate(score, groups[min(1, fractions - 1)], settings)
    if first.comparison is None and first.distance is None:
        return Verdict(RANKING, [], first, score, number)
    return Verdict(ALARM if first.alarm else LOOK if rounds else NOTHING, rounds, first, score, number)


def judge(
    groups: list[list[Groups]], settings: Settings, references: list[list[list[Groups]]] | None, rounds: list[Round]
) -> Judgement:
    """What stands out; after a round less is asked of its label, and more of the others."""
    labels = len(groups[0])
    comparison = compare(groups, settings) if labels >= settings.labels else None
    far = distance(groups, references) if references else None
    levels = np.full(labels, settings.alarm / (len(rounds) + 1))
    if rounds:
        last = rounds[-1].judgement.cell[1]
        levels[last] = settings.level
        far = far if far and far.cell[1] == last else None
    return Judgement(comparison, far, levels, 0 if rounds else settings.sure, settings)


def _round(group: Groups, size: int, judgement: Judgement) -> Round:
    """The group of one cell, and what lies above Otsu's threshold of its gains."""
    gain = group.gain[size]
    share, threshold = otsu(gain)
    return Round(judgement, int(group.sizes[size]), share, group.members, gain, group.members[gain > threshold])


def _rate(score: np.ndarray, groups: list[Groups], settings: Settings, made: Round | None = None) -> None:
    """Sets the scores of all examples in the groups: gains in the group of a round, or in the one with the clearest humps."""
    for group in groups:
        score[group.members] = group.gain[best_humps(group, settings)[1]]
    if made:
        score[made.members] = made.gain
