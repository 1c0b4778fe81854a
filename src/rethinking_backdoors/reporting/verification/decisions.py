"""Does a statistic lie on one side of a bound? One test over seeds in each experiment, adjusted over those of a claim."""

from collections.abc import Mapping

import numpy as np

# The share of true statements at their bound that a claim may call refuted, and of false ones that it may call confirmed.
LEVEL = 0.05
POWER = 0.8
MOST_SEEDS = 200


def p_value(values: np.ndarray, bound: float) -> float:
    """Of a one-sided t test over seeds that their mean is above the bound; 1 for one seed, which tells nothing of the spread."""
    from scipy.stats import t

    if len(values) < 2:
        return 1.0
    lead, spread = float(np.mean(values) - bound), float(np.std(values, ddof=1) / np.sqrt(len(values)))
    if spread <= 1e-12 * max(1.0, abs(bound)):
        return 0.0 if lead > 0 else 1.0
    return float(t.sf(lead / spread, len(values) - 1))


def holm(p_values: Mapping[int, float]) -> dict[int, float]:
    """Adjusted for the number of tests: a family of true statements then has one below a level at most so often (Holm 1979)."""
    adjusted, largest = {}, 0.0
    for rank, key in enumerate(sorted(p_values, key=lambda key: p_values[key])):
        largest = max(largest, (len(p_values) - rank) * p_values[key])
        adjusted[key] = min(1.0, largest)
    return adjusted


def sides(groups: Mapping[int, np.ndarray], sense: str, bound: float) -> dict[int, str]:
    """Of each experiment "holds", "fails" or "not decided", from the statistic's values over seeds.

    Args:
        sense: "above", "at_least" or "below" the bound; the first two are one to a test.
    """
    sign = -1 if sense == "below" else 1
    ahead = holm({key: p_value(sign * values, sign * bound) for key, values in groups.items()})
    behind = holm({key: p_value(-sign * values, -sign * bound) for key, values in groups.items()})
    # Where every seed has the bound itself, it is reached: "at least" holds, "above" and "below" fail.
    for key, values in groups.items():
        if len(values) > 1 and np.ptp(values) == 0 and values[0] == bound:
            (ahead if sense == "at_least" else behind)[key] = 0.0
    return {key: "holds" if ahead[key] <= LEVEL else "fails" if behind[key] <= LEVEL else "not decided" for key in groups}


def overall(decided: Mapping[int, str], exceptions: int) -> str:
    """The verdict over the experiments that can be tested: all must hold but the exceptions; more failures than these refute."""
    found = list(decided.values())
    if found.count("fails") > exceptions:
        return "fails"
    return "holds" if found and found.count("holds") >= len(found) - exceptions else "not decided"


def seeds_needed(values: np.ndarray, bound: float, tests: int) -> int | None:
    """How many seeds would decide an experiment with a power of 80 %, if mean and spread are those of these; None: too many.

    Args:
        tests: how many experiments the level is shared among, as Holm's first step shares it.
    """
    from scipy.stats import nct, t

    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    if spread == 0:
        return None
    effect = abs(float(np.mean(values)) - bound) / spread
    for count in range(2, MOST_SEEDS + 1):
        if nct.sf(t.isf(LEVEL / tests, count - 1), count - 1, effect * np.sqrt(count)) >= POWER:
            return count
    return None
