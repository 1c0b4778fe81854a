"""The numbers that the paper prints and those measured from its figures, one by one, from config/published.yaml."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.evaluation.tables import interval

PLACES = ("first", "middle", "last")


@dataclass(frozen=True)
class Number:
    """One published number.

    Attributes:
        where: the table or figure, in words.
        table, experiment, row, column: where the measured number stands; the column without what depends on the alphas.
        value: as published.
        kind: of number, a key of ``kinds`` in the file.
        stage: which settings it depends on, the last of "attack", "datamodel", "detection".
        alpha: the subset fraction in percent, None where no subsets are trained on.
        tolerance: None where the number cannot be compared at any scale.
        note: the paper's own contradictions about it.
    """

    where: str
    table: str
    experiment: int
    row: str
    column: str
    value: float
    kind: str
    stage: str
    alpha: int | None
    tolerance: float | None
    note: str


def read(path: str | Path) -> dict[str, Any]:
    """The file; raises InputError if it is none."""
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        for section in ("tables", "figures", "claims"):
            content[section]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, KeyError):
        raise InputError(f"{path} is not the list of published numbers: restore it from the repository.") from None
    return content


def numbers(published: dict[str, Any]) -> list[Number]:
    """Every number of the tables and figures, in the order of the file."""
    return [*_of_tables(published), *_of_figures(published)]


def _of_tables(published: dict[str, Any]) -> Iterator[Number]:
    for name, table in published["tables"].items():
        for row, experiments in table["rows"].items():
            for experiment, values in experiments.items():
                alphas = table.get("alpha", {})
                alpha = alphas.get(experiment, alphas.get("default"))
                for column, value in zip(table["columns"], values, strict=True):
                    at = ("table2" if name == "section5" else name, experiment, row, column)
                    tolerance = _tolerance(published["kinds"][column], value)
                    note = _contradiction(published, *at)
                    yield Number(table["where"], *at, value, column, table["stage"][row], alpha, tolerance, note)


def _tolerance(kind: dict[str, Any], value: float) -> float | None:
    """That of the last line which counts for the published value."""
    allowed = [line["points"] for line in kind.get("tolerances", []) if line["from"] <= value]
    return allowed[-1] if allowed else None


def _of_figures(published: dict[str, Any]) -> Iterator[Number]:
    makers = {"figure7": _figure7, "figure8": _figure8, "figure9": _figure9}
    for name, panels in published["figures"].items():
        for experiment, panel in panels.items():
            for row, column, value, kind, tolerance in makers[name](panel):
                where = f"Figure {name.removeprefix('figure')}"
                note = _contradiction(published, name, experiment, row, column)
                yield Number(where, name, experiment, row, column, value, kind, "datamodel", 50, tolerance, note)


def _figure7(panel: dict[str, list[float]]) -> Iterator[tuple]:
    """The range of k, the mean poisoned margin at three of them, and slope and level of the single curves, sorted."""
    for place, value in zip(("first", "last"), panel["k"], strict=True):
        yield "k", f"k_{place}", value, "range", None
    mean, _, high = interval(np.array(panel["poisoned_level"]))
    for place, value in zip(PLACES, panel["margin"], strict=True):
        yield "poisoned", f"margin_{place}", value, "margin", round(high - mean, 2)
    for row in ("poisoned", "clean"):
        for measure in ("slope", "level"):
            for rank, value in enumerate(sorted(panel[f"{row}_{measure}"]), start=1):
                yield row, f"{measure}_{rank}", value, "curve", None


def _figure8(panel: dict[str, Any]) -> Iterator[tuple]:
    """The line through the poisoned points and its ends."""
    values = {"slope": panel["slope"], "intercept": panel["intercept"]}
    values |= {f"{axis}_{end}": value for axis in "xy" for end, value in zip(("low", "high"), panel[axis], strict=True)}
    for column, value in values.items():
        yield "poisoned", column, value, "fit", None


def _figure9(panel: dict[str, list[float]]) -> Iterator[tuple]:
    """Mean and standard deviation of each group of weights."""
    for row, values in panel.items():
        for column, value in zip(("mean", "sd"), values, strict=True):
            yield row, column, value, "weight", None


def _contradiction(published: dict[str, Any], table: str, experiment: int, row: str, column: str) -> str:
    """What the paper says against itself about a number, empty if nothing."""
    said = [
        entry["says"]
        for entry in published["contradictions"]
        if table in entry["tables"]
        and experiment in (entry["experiments"] or [experiment])
        and row == entry["row"]
        and column.startswith(entry["column"])
    ]
    return "; ".join(said)
