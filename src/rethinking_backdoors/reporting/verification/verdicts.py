"""A verdict on every published number: `reproduced`, `differs`, `open`, `not comparable` or `not run`."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from rethinking_backdoors.evaluation.tables import interval
from rethinking_backdoors.reporting.verification.published import Number, numbers

VERDICTS = ("reproduced", "differs", "open", "not comparable", "not run")
DECIDED = VERDICTS[:3]
STAGES = ("attack", "datamodel", "detection")
COLUMNS = [
    "where",
    "table",
    "experiment",
    "row",
    "column",
    "published",
    "measured",
    "low",
    "high",
    "seeds",
    "tolerance",
    "verdict",
    "note",
]
Difference = tuple[str, Any, Any]
Triple = tuple[float, float, float]  # value, low, high; NaN where there is none


def verify(published: dict[str, Any], config: dict[str, Any], tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One line for each published number, whatever was run.

    Args:
        published: see ``published.read``. config: the configuration of the run.
        tables: by name ("table1", "figure7"), with experiment, row, column, value, low, high, seeds, and perhaps a note.
    """
    cells = {
        (name, line.experiment, line.row, line.column): (line.value, line.low, line.high, line.seeds, getattr(line, "note", ""))
        for name, table in tables.items()
        for line in table.itertuples()
    }
    return pd.DataFrame([_line(number, published, config, cells) for number in numbers(published)], columns=COLUMNS)


def means(seeds: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tables with intervals from the numbers of every seed (table, experiment, row, column, seed, value), by name."""
    lines = []
    for key, cell in seeds.groupby(["table", "experiment", "row", "column"], sort=False):
        lines.append((*key, *np.round(interval(cell["value"].to_numpy()), 6), len(cell)))
    whole = pd.DataFrame(lines, columns=["table", "experiment", "row", "column", "value", "low", "high", "seeds"])
    return {str(name): part.drop(columns="table") for name, part in whole.groupby("table")}


def _line(number: Number, published: dict[str, Any], config: dict[str, Any], cells: dict[tuple, tuple]) -> tuple:
    """One line of the table."""
    at = (number.table, number.experiment, number.row)
    missing = (np.nan, np.nan, np.nan, 0, "")
    value, low, high, seeds, known = cells.get((*at, measured_column(number, config)), missing)
    verdict, note = judge(number, published, config, (value, low, high))
    said = "; ".join(filter(None, [note, known if verdict in DECIDED else "", number.note]))
    return (number.where, *at, number.column, number.value, value, low, high, seeds, number.tolerance, verdict, said)


def measured_column(number: Number, config: dict[str, Any]) -> str | None:
    """The column of a run's tables that holds the same quantity; None if no models have the number's subset fraction."""
    name = "auroc_scores" if number.table == "table4" else number.column
    if number.alpha is None:
        return name
    percents = measured_percents(config).get(number.experiment, [])
    if number.alpha not in percents:
        return None
    # Scores are those of the last fraction, everything else of the first; other fractions are named.
    plain = percents[-1] if number.table == "table4" else percents[0]
    return name if number.alpha == plain else f"{name}_alpha{number.alpha}"


def measured_percents(config: dict[str, Any]) -> dict[int, list[int]]:
    """The subset fractions of every experiment in percent."""
    return {entry["experiment"]: [round(100 * alpha) for alpha in entry["alphas"]] for entry in config["experiments"]}


def judge(
    number: Number, published: dict[str, Any], config: dict[str, Any], measured: tuple[float, float, float]
) -> tuple[str, str]:
    """Verdict and note on what was measured (value, low, high; NaN where there is none).

    `reproduced` where the whole interval is within the tolerance of the published value, `differs` where none of it is, `open`
    where it is both; without an interval by the value alone.
    """
    value, low, _ = measured
    if np.isnan(value):
        return "not run", ""
    if differing := differences(published["settings"], published, config, number.experiment, number.stage):
        return "not comparable", "other settings: " + ", ".join(name for name, _, _ in differing)
    if number.tolerance is None:
        return "not comparable", published["kinds"][number.kind]["reason"]
    notes = [f"{name} {given}, {paper} in the paper" for name, paper, given in noted(published, config, number.stage)]
    notes += [published["unstated"]["says"]] if number.row in published["unstated"]["rows"] else []
    notes += ["one seed, no interval"] if np.isnan(low) else []
    nearest, farthest = distances(number.value, measured)
    verdict = "reproduced" if farthest <= number.tolerance else "differs" if nearest > number.tolerance else "open"
    return verdict, "; ".join(notes)


def distances(published: float, measured: Triple) -> tuple[float, float]:
    """From the published value to the nearest and to the farthest point of the measured interval."""
    value, low, high = measured
    low, high = (value, value) if np.isnan(low) else (low, high)
    # Ten digits: a distance that equals the tolerance but for rounding is within it.
    return round(max(published - high, low - published, 0.0), 10), round(max(high - published, published - low), 10)


def differences(
    settings: dict[str, Any], published: dict[str, Any], config: dict[str, Any], experiment: int, stage: str
) -> list[Difference]:
    """Where the configuration differs from the paper in what a number of this stage depends on: name, the paper's, this one's."""
    found = []
    for part in STAGES[: STAGES.index(stage) + 1]:
        found += _compare(settings.get(part, {}), config)
    return found + _of_experiment(published, config, experiment, stage)


def noted(published: dict[str, Any], config: dict[str, Any], stage: str) -> list[Difference]:
    """Differences that do not forbid a comparison but are said beside it."""
    parts = STAGES[: STAGES.index(stage) + 1]
    return [difference for part in parts for difference in _compare(published["noted"].get(part, {}), config)]


def _compare(paper: Any, given: Any, name: str = "") -> Iterator[Difference]:
    """Leaf by leaf what differs between nested settings; only what ``paper`` names."""
    if isinstance(paper, dict):
        for key, value in paper.items():
            inner = given.get(key) if isinstance(given, dict) else None
            yield from _compare(value, inner, f"{name}.{key}" if name else key)
    elif paper != given:
        yield name, paper, given


def _of_experiment(published: dict[str, Any], config: dict[str, Any], number: int, stage: str) -> list[Difference]:
    """Differences in the attack of one experiment, and in the share removed where that matters."""
    given = next((entry for entry in config["experiments"] if entry["experiment"] == number), {})
    paper = published["experiments"][number]
    names = ["attack", "poisoned"] + ["removed"] * (stage == "detection")
    found = [(name, paper[name], given.get(name)) for name in names if paper[name] != given.get(name)]
    if published["triggers"][paper["trigger"]] != config["triggers"].get(given.get("trigger")):
        same_name = given.get("trigger") == paper["trigger"]
        found.append(("trigger", paper["trigger"], "other pixels" if same_name else given.get("trigger")))
    return found
