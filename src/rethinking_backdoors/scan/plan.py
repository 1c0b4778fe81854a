"""What a budget of time buys: timed on a few models before the scan begins."""

import re
from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.detection.groups import permuted_deviation
from rethinking_backdoors.errors import InputError

# Subset fractions: dirty-label triggers stand out at a half and a fifth, clean-label ones at a fiftieth.
FRACTIONS = (0.5, 0.2, 0.02)
# No subset is smaller, and how many units of models are asked for in turn; a unit costs what a model on half of the data does.
_SMALLEST, LOOKS = 30, (1000, 2000, 4000, 8000)
# With fewer units a group is reported and nothing is removed; with fewer still nothing is said.
REMOVING, LEAST = 1000, 100


def seconds(budget: str | float) -> float:
    """ "30m", "90s", "2h" or a number of seconds.

    Raises:
        InputError: it is none of these, or not positive.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", str(budget))
    value = float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]] if found else 0
    if value <= 0:
        raise InputError(f"--budget {budget}: give a time such as 90s, 30m or 2h.")
    return value


def fractions_of(n: int) -> list[float]:
    """The subset fractions for n examples: those of ``FRACTIONS``, but no subset of fewer than 30."""
    least = round(_SMALLEST / n, 4)
    return list(dict.fromkeys(min(max(fraction, least), 0.5) for fraction in FRACTIONS))


def models_of(units: int, fraction: float, epochs: int | None) -> int:
    """How many models at a fraction cost as much as ``units`` models on half of the data.

    Training costs three times as much an example and epoch as the margin of an example. Of a user's own function nothing is
    known: then as many models at every fraction.
    """
    if epochs is None:
        return units
    return round(units * (1.5 * epochs + 1) / (3 * epochs * fraction + 1))


@dataclass(frozen=True)
class Plan:
    """What is going to be done.

    Attributes:
        fractions: of subsets. models: for each fraction, per unit. unit_s: seconds of one unit of all fractions on one thread.
        analysis_s: seconds of one comparison of all labels. looks: after how many units the labels are compared.
        visible: how far a group of 20 must move the margins of its members, all of them trained on against none, to be six
            standard deviations of noise.
    """

    fractions: list[float]
    models: list[float]
    unit_s: float
    analysis_s: float
    looks: list[int]
    visible: float

    def counts(self, units: int) -> list[int]:
        """How many models so many units are, at each fraction."""
        return [round(units * count) for count in self.models]

    def shard(self, fraction: float) -> int:
        """How many models are stored together: what costs about as much as 64 on half of the data."""
        return max(1, round(2 * self.models[self.fractions.index(fraction)])) * 32


def plan(
    fractions: list[float],
    models: list[float],
    unit_s: float,
    analysis_s: float,
    left_s: float,
    threads: int,
    noise: float,
    already: float = 0,
) -> Plan:
    """How many units fit into what is left of the budget.

    Args:
        noise: standard deviation of F of a group of 20 from one model. already: units that an earlier run has trained.

    Raises:
        InputError: it buys less than 100 units.
    """
    room = max(0.0, left_s - 2 * analysis_s)
    affordable = room * threads / unit_s + already
    looks: list[int] = []
    for look in LOOKS:
        # Every further look costs a comparison of its own.
        if look <= affordable - len(looks) * analysis_s * threads / unit_s:
            looks.append(look)
    looks = looks or [int(affordable)]
    if looks[-1] < LEAST:
        needed = (2 * analysis_s + LEAST * unit_s / threads) / 60
        raise InputError(f"The budget buys {looks[-1]} units of models, {LEAST} are needed: give {needed:.1f} minutes or more.")
    return Plan(fractions, models, unit_s, analysis_s, looks, float(6 * noise / np.sqrt(looks[-1])))


def noise_of(masks: np.ndarray, margins: np.ndarray, rng: np.random.Generator) -> float:
    """The noise of F of a random group of 20 of one label's examples, from one model's worth of information.

    Args:
        masks: (m, N) bool, margins: (m, N), of a few models.
    """
    group = np.zeros(masks.shape[1], dtype=bool)
    group[rng.choice(len(group), min(20, len(group) // 2), replace=False)] = True
    ever = masks.any(0) & ~masks.all(0)
    return permuted_deviation(masks[:, ever], margins[:, ever].astype(np.float64), group[ever]) * np.sqrt(len(masks))
