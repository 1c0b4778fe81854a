"""The paper's claims, each judged by a statistic over the experiments and seeds of a run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from rethinking_backdoors.evaluation.tables import interval
from rethinking_backdoors.reporting.verification.verdicts import measured_percents

COLUMNS = [
    "claim",
    "row",
    "says",
    "where",
    "claimed",
    "statistic",
    "experiment",
    "value",
    "low",
    "high",
    "unit",
    "bound",
    "passed",
    "asked",
    "weakest",
    "verdict",
    "sentence",
]
LIMITS = {"percent": (0, 100), "correlation": (-1, 1)}
NATURAL = ("class", "random", "alike", "partners")


class Numbers:
    """The numbers of every seed, looked up by table, row and column."""

    def __init__(self, seeds: pd.DataFrame, config: dict[str, Any]):
        """``seeds`` has table, experiment, row, column, seed, value."""
        self._cells = {
            key: cell.set_index(["experiment", "seed"])["value"] for key, cell in seeds.groupby(["table", "row", "column"])
        }
        self._percents = measured_percents(config)

    def __call__(self, table: str, row: str, column: str) -> pd.Series:
        """One value for each experiment and seed; empty if there are none."""
        index = pd.MultiIndex.from_arrays([[], []], names=["experiment", "seed"])
        return self._cells.get((table, row, column), pd.Series([], index=index, dtype=float))

    def at(self, table: str, row: str, column: str, percent: int) -> pd.Series:
        """The same at a subset fraction in percent; experiments without it are left out."""
        named = self(table, row, f"{column}_alpha{percent}")
        plain = self(table, row, column)
        first = [e for e, percents in self._percents.items() if percents[0] == percent]
        return pd.concat([plain[plain.index.get_level_values("experiment").isin(first)], named])


def _lead(numbers: Numbers, table: str, column: str, first: str, others: tuple[str, ...]) -> pd.Series:
    """A row's value minus the largest of the other rows'."""
    return numbers(table, first, column) - pd.concat([numbers(table, row, column) for row in others], axis=1).max(axis=1)


# From the numbers of a run and the row that a claim is about to one value for each experiment and seed.
STATISTICS: dict[str, Callable[[Numbers, str], pd.Series]] = {
    "lead_over_natural_features": lambda n, row: _lead(n, "natural", "strength", "poison", NATURAL),
    "poisoned_slope": lambda n, row: n("figure7", "poisoned", "strength_mean"),
    "clean_over_poisoned_slope": lambda n, row: (
        n("figure7", "clean", "strength_rms") / n("figure7", "poisoned", "strength_mean").abs()
    ),
    "correlation_poisoned": lambda n, row: n("figure8", "poisoned", "correlation"),
    "correlation_clean": lambda n, row: n("figure8", "clean", "correlation"),
    "slope_poisoned": lambda n, row: n("figure8", "poisoned", "slope"),
    "slope_clean": lambda n, row: n("figure8", "clean", "slope"),
    "oracle_auroc": lambda n, row: n("table2", "oracle", "auroc"),
    "oracle_auroc_half": lambda n, row: n.at("table2", "oracle", "auroc", 50),
    "oracle_auroc_less": lambda n, row: n.at("table2", "oracle", "auroc", 30),
    "slope_half_over_less": lambda n, row: (
        n.at("figure7", "poisoned", "strength_mean", 50) / n.at("figure7", "poisoned", "strength_mean", 30)
    ),
    "score_auroc": lambda n, row: n("table4", row, "auroc_scores"),
    "score_auroc_within_target": lambda n, row: n("table4", row, "auroc_within_target"),
    "score_auroc_over_control": lambda n, row: n("table4", row, "auroc_scores") - n("table4", row, "auroc_permuted_masks"),
    "accuracy_gap": lambda n, row: n("table3", row, "clean_accuracy") - n("table3", row, "poisoned_accuracy"),
    "accuracy_cost": lambda n, row: n("table3", "none", "clean_accuracy") - n("table3", row, "clean_accuracy"),
    "attack_success": lambda n, row: n("table6", row, "asr"),
    "weight_lead": lambda n, row: _lead(n, "figure9", "mean", "poison_to_poison", ("poison_to_clean", "clean_to_clean")),
    "objective_of_poison": lambda n, row: n("lemma2", "poisoned", "objective_percent"),
}


def judge(published: dict[str, Any], config: dict[str, Any], seeds: pd.DataFrame) -> pd.DataFrame:
    """All claims.

    Args:
        published: see ``published.read``; the section ``claims`` has statistics, bounds and their reasons.
        seeds: the numbers of every seed: table, experiment, row, column, seed, value.

    Returns:
        For each claim a line with ``experiment`` "all", which has the verdict, the least favourable (``weakest``) experiment's
        value and interval, and in how many of the experiments it ``passed``, followed by one line an experiment. ``claimed``
        is false for what is measured alike but is no claim of the paper.
    """
    numbers = Numbers(seeds, config)
    lines = []
    for claim in published["claims"]:
        everyone, claimed = list(published["experiments"]), claim.get("claimed", True)
        lines += _judge_one(claim, claim.get("row", ""), claimed, everyone, numbers)
        for row in claim.get("also", []):
            lines += _judge_one(claim, row, False, everyone, numbers)
    return pd.DataFrame(lines, columns=COLUMNS)


def _judge_one(claim: dict[str, Any], row: str, claimed: bool, everyone: list[int], numbers: Numbers) -> list[tuple]:
    """The lines of one claim and row."""
    start = (claim["claim"], row, claim["says"], claim["where"], claimed)
    if "statistic" not in claim:
        sentence = f"Not tested by itself: {claim['reason']}."
        return [(*start, "", "all", np.nan, np.nan, np.nan, "", "", 0, 0, "", "not decided", sentence)]
    sense, bound = next((sense, claim[sense]) for sense in ("above", "at_least", "below") if sense in claim)
    limit, exceptions = f"{sense.replace('_', ' ')} {bound:g}", claim.get("exceptions", 0)
    asked = claim.get("experiments", everyone)
    groups = dict(list(STATISTICS[claim["statistic"]](numbers, row).dropna().groupby(level="experiment")))
    measured = {e: _interval(groups[e], claim["unit"]) for e in asked if e in groups}
    sides = {e: side(cell, sense, bound) for e, cell in measured.items()}
    worst = _least_favourable(measured, sense)
    passed, verdict = list(sides.values()).count("holds"), overall(sides, len(asked), exceptions)
    result = (passed, len(asked), "" if worst is None else worst, verdict)
    shown = measured.get(worst, (np.nan,) * 3)
    lines = [("all", shown, (*result, _sentence(asked, exceptions, measured, sides, worst)))]
    lines += [(str(e), cell, (int(sides[e] == "holds"), 1, e, sides[e], "")) for e, cell in measured.items()]
    start = (*start, claim["statistic"])
    return [(*start, e, *np.round(cell, 4), claim["unit"], limit, *rest) for e, cell, rest in lines]


def _interval(values: pd.Series, unit: str) -> tuple[float, float, float]:
    """Mean and interval over seeds, cut to what the unit allows."""
    value, low, high = interval(values.to_numpy())
    if unit in LIMITS:
        low, high = np.clip([low, high], *LIMITS[unit])
    return value, float(low), float(high)


def side(measured: tuple[float, float, float], sense: str, bound: float) -> str:
    """On which side of the bound the whole interval lies: "holds", "fails" or "not decided"; one seed counts by its value."""
    value, low, high = np.round(measured, 6)
    low, high = (value, value) if np.isnan(low) else (low, high)
    if sense == "below":
        return "holds" if high < bound else "fails" if low >= bound else "not decided"
    if sense == "above":
        return "holds" if low > bound else "fails" if high <= bound else "not decided"
    return "holds" if low >= bound else "fails" if high < bound else "not decided"


def overall(sides: dict[int, str], asked: int, exceptions: int) -> str:
    """The verdict over experiments: all of those asked for must hold but the exceptions; more failures than these refute."""
    found = list(sides.values())
    if found.count("fails") > exceptions:
        return "fails"
    return "holds" if found.count("holds") >= asked - exceptions else "not decided"


def _least_favourable(measured: dict[int, tuple[float, float, float]], sense: str) -> int | None:
    """The experiment whose interval reaches furthest to the wrong side."""
    if not measured:
        return None
    if sense == "below":
        return max(measured, key=lambda e: np.nanmax(measured[e]))
    return min(measured, key=lambda e: np.nanmin(measured[e]))


def _sentence(
    asked: list[int], exceptions: int, measured: dict[int, tuple[float, float, float]], sides: dict[int, str], worst: int | None
) -> str:
    """What came out, in plain words."""
    if worst is None:
        return "Not run."
    parts = []
    for word, verb in (("holds", "holds in"), ("fails", "fails in"), ("not decided", "open in")):
        if chosen := [e for e in measured if sides[e] == word]:
            parts.append(f"{verb} {_count(chosen, asked)}")
    if missing := [e for e in asked if e not in measured]:
        parts.append(f"not run in {_count(missing, asked)}")
    text = ", ".join(parts).capitalize() + (f" ({exceptions} may fail)" if exceptions else "")
    value, low, high = measured[worst]
    if np.isnan(low):
        return f"{text}. Least favourable: {value:.3g} in experiment {worst}; one seed has no interval."
    return f"{text}. Least favourable: {value:.3g} [{low:.3g}, {high:.3g}] in experiment {worst}."


def _count(chosen: list[int], asked: list[int]) -> str:
    """ "all 8", or "5 of 8 (1, 2, 3, 4, 6)"."""
    if chosen == asked:
        return f"all {len(asked)}" if len(asked) > 1 else f"experiment {chosen[0]}"
    return f"{len(chosen)} of {len(asked)} ({', '.join(map(str, chosen))})"
