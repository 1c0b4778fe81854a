"""Is there a planted feature? The group of one label that stands out, taken out, and again, until none does.

Nothing here knows which examples are poisoned.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from rethinking_backdoors.detection.groups import Groups, otsu
from rethinking_backdoors.detection.labels import Comparison, Settings, best_humps, compare, counted_labels
from rethinking_backdoors.detection.trusted import Distance, distance

# An answer: a group to be taken out, one label that stands out and may do so by nature, or neither.
ALARM, LOOK, NOTHING, RANKING = "alarm", "look", "nothing stands out", "ranking only"


@dataclass(frozen=True)
class Judgement:
    """What stands out among the groups of all labels.

    Attributes:
        comparison: of the labels with one another; None where there are too few. distance: from trusted sets; None without any.
        level: what a p-value must be below.
    """

    comparison: Comparison | None
    distance: Distance | None
    level: float

    @property
    def above(self) -> bool:
        return self.distance is not None and self.distance.above

    @property
    def alarm(self) -> bool:
        """Above the trusted sets; without any, a group that stands out and parts its label in two as no other is parted."""
        if self.distance is not None:
            return self.above
        return self.comparison is not None and max(self.comparison.p, self.comparison.p_humps) < self.level

    @property
    def stands_out(self) -> bool:
        return self.above or (self.comparison is not None and self.comparison.p < self.level)

    @property
    def cell(self) -> tuple[int, int, int]:
        """Fraction, label and size, as indices, of what stands out most."""
        if self.distance is not None and (self.above or self.comparison is None):
            return self.distance.cell
        assert self.comparison is not None
        return self.comparison.cell

    @property
    def p(self) -> float:
        return self.comparison.p if self.comparison else 1.0


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

    A later round is about the same label, unless another one stands out with a p-value below the level over the number of rounds.

    Args:
        search: gives the groups (see ``groups.strongest``) of some examples (N,) of one label at the fraction with this index.
        labels: (n,) int64. fractions: how many there are; the second, where there is one, ranks where nothing stands out.
        references: the groups of trusted sets, see ``trusted.distance``.
        remove: whether an alarm removes anything (too few models are enough for an alarm, not for a cut).
    """
    counted = counted_labels(labels, settings)
    groups = [[search(a, np.flatnonzero(labels == label)) for label in counted] for a in range(fractions)]
    score, number = np.full(len(labels), -np.inf), np.zeros(len(labels), dtype=np.int64)
    rounds: list[Round] = []
    first = judgement = judge(groups, settings, references, rounds)
    while judgement.stands_out and len(rounds) < settings.rounds:
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
    """What stands out; after a round, another label than the last one's has to do so more."""
    comparison = compare(groups, settings) if len(groups[0]) >= settings.labels else None
    made = Judgement(comparison, distance(groups, references) if references else None, settings.level)
    if rounds and made.cell[1] != rounds[-1].judgement.cell[1]:
        return replace(made, distance=None, level=settings.level / (len(rounds) + 1))
    return made


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
