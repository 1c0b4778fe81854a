"""The paper's claims, each judged by a statistic over the experiments and seeds of a run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from rethinking_backdoors.evaluation.tables import interval
from rethinking_backdoors.reporting.verification.decisions import overall, seeds_needed, sides
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

    def last(self, table: str, row: str, column: str) -> pd.Series:
        """The same at the subset fraction of each experiment that detection uses."""
        first, parts = self(table, row, column), []
        for experiment, percents in self._percents.items():
            cells = first if len(percents) == 1 else self(table, row, f"{column}_alpha{percents[-1]}")
            parts.append(cells[cells.index.get_level_values("experiment") == experiment])
        return pd.concat(parts) if parts else first


def _gap(numbers: "Numbers", row: str) -> pd.Series:
    """Clean minus poisoned accuracy, less what is left of that after removing exactly the poison: an occluded patch costs too."""
    gap = {
        name: numbers("table3", name, "clean_accuracy") - numbers("table3", name, "poisoned_accuracy") for name in (row, "true")
    }
    return gap[row] - gap["true"]


def _crossfit_lead(numbers: "Numbers", row: str, column: str) -> pd.Series:
    """A detector's cross-fitted score minus that on permuted masks."""
    return numbers("table4", row, f"crossfit_{column}") - numbers("table4", row, f"permuted_mean_{column}")


def _corrected(numbers: "Numbers", row: str) -> pd.Series:
    """The correlation over what the noise of both estimates leaves possible."""
    return numbers("figure8", row, "correlation") / numbers("figure8", row, "ceiling").where(lambda ceiling: ceiling > 0)


def _lead(numbers: Numbers, table: str, column: str, first: str, others: tuple[str, ...]) -> pd.Series:
    """A row's value minus the largest of the other rows'."""
    return numbers.last(table, first, column) - pd.concat([numbers.last(table, row, column) for row in others], axis=1).max(
        axis=1
    )


# From the numbers of a run and the row that a claim is about to one value for each experiment and seed.
STATISTICS: dict[str, Callable[[Numbers, str], pd.Series]] = {
    "lead_over_natural_features": lambda n, row: _lead(n, "natural", "strength", "poison", NATURAL),
    "poisoned_slope": lambda n, row: n("figure7", "poisoned", "strength_mean"),
    "clean_over_poisoned_slope": lambda n, row: (
        n("figure7", "clean", "strength_rms") / n("figure7", "poisoned", "strength_mean").abs()
    ),
    "correlation_poisoned": lambda n, row: _corrected(n, "poisoned"),
    "correlation_clean": lambda n, row: _corrected(n, "clean"),
    "ceiling_poisoned": lambda n, row: n("figure8", "poisoned", "ceiling"),
    "ceiling_clean": lambda n, row: n("figure8", "clean", "ceiling"),
    "slope_poisoned": lambda n, row: n("figure8", "poisoned", "slope"),
    "slope_clean": lambda n, row: n("figure8", "clean", "slope"),
    "oracle_auroc": lambda n, row: n("table2", "oracle", "auroc"),
    "oracle_auroc_half": lambda n, row: n.at("table2", "oracle", "auroc", 50),
    "oracle_auroc_less": lambda n, row: n.at("table2", "oracle", "auroc", 30),
    "slope_half_over_less": lambda n, row: (
        n.at("figure7", "poisoned", "strength_mean", 50) / n.at("figure7", "poisoned", "strength_mean", 30)
    ),
    "score_auroc": lambda n, row: n("table4", row, "auroc_scores"),
    "crossfit_lead_within_target": lambda n, row: _crossfit_lead(n, row, "auroc_within_target"),
    "crossfit_lead": lambda n, row: _crossfit_lead(n, row, "auroc"),
    "accuracy_gap": _gap,
    "accuracy_cost": lambda n, row: n("table3", "true", "clean_accuracy") - n("table3", row, "clean_accuracy"),
    "attack_success": lambda n, row: n("table6", row, "asr") - n("table6", "true", "asr"),
    "weight_lead": lambda n, row: _lead(n, "figure9", "mean", "poison_to_poison", ("poison_to_clean", "clean_to_clean")),
    "objective_of_poison": lambda n, row: n.last("lemma2", "poisoned", "objective_percent"),
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
    values = dict(list(STATISTICS[claim["statistic"]](numbers, row).dropna().groupby(level="experiment")))
    groups = {e: values[e].to_numpy() for e in asked if e in values}
    # Where noise alone keeps a correlation below the bound, nothing can be asked of it.
    ceilings = STATISTICS[claim["ceiling"]](numbers, row).groupby(level="experiment").mean() if "ceiling" in claim else {}
    untestable = [e for e in groups if e in ceilings and not ceilings[e] > bound]
    tested = {e: group for e, group in groups.items() if e not in untestable}
    decided = sides(tested, sense, bound)
    measured = {e: _interval(group, claim["unit"]) for e, group in groups.items()}
    worst = _least_favourable({e: measured[e] for e in tested}, sense)
    complete = len(tested) + len(untestable) == len(asked)
    verdict = overall(decided, exceptions)
    verdict = "not decided" if verdict == "holds" and not complete else verdict
    passed = list(decided.values()).count("holds")
    shown = measured.get(worst, (np.nan,) * 3)
    needed = {e: seeds_needed(tested[e], bound, len(tested)) for e, side in decided.items() if side == "not decided"}
    sentence = _sentence(asked, exceptions, measured, decided, untestable, needed, worst)
    lines = [("all", shown, (passed, len(asked), "" if worst is None else worst, verdict, sentence))]
    for e, cell in measured.items():
        lines.append((str(e), cell, (int(decided.get(e) == "holds"), 1, e, decided.get(e, "not testable"), "")))
    start = (*start, claim["statistic"])
    return [(*start, e, *np.round(cell, 4), claim["unit"], limit, *rest) for e, cell, rest in lines]


def _interval(values: np.ndarray, unit: str) -> tuple[float, float, float]:
    """Mean and interval over seeds, cut to what the unit allows."""
    value, low, high = interval(values)
    if unit in LIMITS:
        low, high = np.clip([low, high], *LIMITS[unit])
    return value, float(low), float(high)


def _least_favourable(measured: dict[int, tuple[float, float, float]], sense: str) -> int | None:
    """The experiment whose interval reaches furthest to the wrong side."""
    if not measured:
        return None
    if sense == "below":
        return max(measured, key=lambda e: np.nanmax(measured[e]))
    return min(measured, key=lambda e: np.nanmin(measured[e]))


def _sentence(
    asked: list[int],
    exceptions: int,
    measured: dict[int, tuple[float, float, float]],
    decided: dict[int, str],
    untestable: list[int],
    needed: dict[int, int | None],
    worst: int | None,
) -> str:
    """What came out, in plain words."""
    if not measured:
        return "Not run."
    parts = []
    for word, verb in (("holds", "holds in"), ("fails", "fails in"), ("not decided", "open in")):
        if chosen := [e for e in decided if decided[e] == word]:
            parts.append(f"{verb} {_count(chosen, asked)}")
    if untestable:
        parts.append(f"not testable in {_count(untestable, asked)}, where noise alone keeps it below the bound")
    if missing := [e for e in asked if e not in measured]:
        parts.append(f"not run in {_count(missing, asked)}")
    text = ", ".join(parts).capitalize() + (f" ({exceptions} may fail)" if exceptions else "") + "."
    if worst is not None:
        value, low, high = measured[worst]
        spread = "; one seed has no interval" if np.isnan(low) else f" [{low:.3g}, {high:.3g}]"
        text += f" Least favourable: {value:.3g}{spread} in experiment {worst}."
    if counts := {e: count for e, count in needed.items() if count}:
        few = max(counts, key=lambda e: counts[e])
        text += f" About {counts[few]} seeds would decide experiment {few}."
    return text


def _count(chosen: list[int], asked: list[int]) -> str:
    """ "all 8", or "5 of 8 (1, 2, 3, 4, 6)"."""
    if chosen == asked:
        return f"all {len(asked)}" if len(asked) > 1 else f"experiment {chosen[0]}"
    return f"{len(chosen)} of {len(asked)} ({', '.join(map(str, chosen))})"
