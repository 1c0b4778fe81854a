"""Does a run give the reference's numbers? Every number of every seed beside the committed one.

A number is *the same* if it is written alike for the same seed. Otherwise it is *within* the spread of seeds if it lies in the
99.9 % prediction interval for a new seed: mean of the reference's seeds -+ t s sqrt(1 + 1/n), with the standard deviation s
pooled over the experiments of the same table, row and column. Else it is *outside*. One in a thousand numbers of other seeds
falls outside by chance.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from rethinking_backdoors.io import InputError
from rethinking_backdoors.tables import COLUMNS

CELL = ["table", "experiment", "row", "column"]
COVERAGE = 0.999
# Of numbers that no seed moves, the last digits may still differ by rounding.
ROUNDING = 1e-5
VERDICTS = ("same", "within", "outside", "missing", "new", "alone")
FAILING = ("outside", "missing")


def read(tables: Iterable[str | Path]) -> pd.DataFrame:
    """The tables among these files that hold numbers of every seed (columns ``tables.COLUMNS``), values as they are written."""
    frames = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in sorted(map(Path, tables))]
    kept = [frame for frame in frames if list(frame.columns) == COLUMNS]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=COLUMNS, dtype=str)


def read_reference(folder: str | Path) -> pd.DataFrame:
    """The numbers of every seed of a reference; raises InputError if there is none of this data set."""
    if not Path(folder, "tables").is_dir():
        raise InputError(f"There is no reference to compare {Path(folder).name} with: {folder} does not exist.")
    return read(Path(folder, "tables").glob("*.csv"))


def spread(reference: pd.DataFrame) -> pd.DataFrame:
    """What the reference's seeds say of a new one, for each table, experiment, row and column.

    Returns:
        ``mean`` over seeds and ``half``, half the width of the interval for a new seed; NaN where there is one seed.
    """
    numbers = reference.assign(number=pd.to_numeric(reference["value"], errors="coerce"))
    cells = numbers.groupby(CELL)["number"].agg(["mean", "var", "count"])
    cells["freedom"] = cells["count"] - 1
    cells["squares"] = cells["var"].fillna(0) * cells["freedom"]
    pooled = cells.groupby(["table", "row", "column"])[["squares", "freedom"]].transform("sum")
    freedom = pooled["freedom"].where(pooled["freedom"] > 0)
    factor = stdtrit(freedom, (1 + COVERAGE) / 2)
    half = factor * np.sqrt(pooled["squares"] / freedom * (1 + 1 / cells["count"]))
    rounding = ROUNDING * cells["mean"].abs()
    return pd.DataFrame({"mean": cells["mean"], "half": half.where(half.isna() | (half > rounding), rounding)})


def compare(run: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Every number of a run with its verdict, and those that it lacks.

    Args:
        run, reference: see ``read``. Experiments and seeds that only one of them has are no fault.

    Returns:
        The columns of ``COLUMNS``; ``reference``, the same seed's number; ``low`` and ``high``, the interval for a new seed; and
        ``verdict``: "same", "within", "outside"; "missing", of an experiment and seed that the run has; "new", no such row or
        column in the reference; "alone", another number than the only seed of the reference.
    """
    keys = [*CELL, "seed"]
    every = run.merge(reference.rename(columns={"value": "reference"}), on=keys, how="outer", indicator="whose")
    has = pd.MultiIndex.from_frame(run[["table", "experiment", "seed"]])
    asked = pd.MultiIndex.from_frame(every[["table", "experiment", "seed"]]).isin(has)
    every = every[asked].merge(spread(reference).reset_index(), on=CELL, how="left")
    every["low"], every["high"] = every["mean"] - every["half"], every["mean"] + every["half"]
    number = pd.to_numeric(every["value"], errors="coerce")
    rules = [
        (every["whose"] == "right_only", "missing"),
        (every["value"] == every["reference"], "same"),
        (every["mean"].isna() & every["reference"].isna(), "new"),
        (every["half"].isna() & every["mean"].notna(), "alone"),
        ((every["low"] <= number) & (number <= every["high"]), "within"),
    ]
    every["verdict"] = np.select(*zip(*rules, strict=True), default="outside")
    return every[[*COLUMNS, "reference", "low", "high", "verdict"]].reset_index(drop=True)


def fails(compared: pd.DataFrame) -> bool:
    """Whether a number is outside or missing."""
    return bool(compared["verdict"].isin(FAILING).any())


def sentence(compared: pd.DataFrame) -> str:
    """The answer in one line: "2,478 numbers: 2,156 the same, 322 within the spread of seeds, 0 outside"."""
    count = compared["verdict"].value_counts()
    text = f"{len(compared):,} numbers: {count.get('same', 0):,} the same, "
    text += f"{count.get('within', 0):,} within the spread of seeds, {count.get('outside', 0):,} outside"
    more = {"missing": "missing", "new": "not in the reference", "alone": "other than the reference's only seed"}
    return text + "".join(f", {count[name]:,} {words}" for name, words in more.items() if name in count)


def report(compared: pd.DataFrame, worst: int = 10) -> str:
    """The answer; how many numbers of each table (and row, where not all are the same) are what; and the worst of them."""
    counts = pd.crosstab([compared["table"], compared["row"]], compared["verdict"])
    counts = counts.reindex(columns=[name for name in VERDICTS if name in ("same", "within", "outside") or name in counts])
    lines = []
    for table, rows in counts.groupby(level="table"):
        moved = rows[rows["same"] < rows.sum(axis=1)]
        kept = rows.drop(moved.index)
        if len(kept):
            lines.append((table, "all rows" if moved.empty else "other rows", *kept.sum()))
        lines += [(table, row, *numbers) for (_, row), *numbers in moved.itertuples(name=None)]
    parts = [sentence(compared), pd.DataFrame(lines, columns=["table", "row", *counts.columns]).to_string(index=False)]
    bad = compared[compared["verdict"].isin(FAILING)]
    if len(bad):
        # The farthest first, in units of half the interval; what is missing before all.
        middle, half = (bad["low"] + bad["high"]) / 2, (bad["high"] - bad["low"]) / 2
        far = ((pd.to_numeric(bad["value"], errors="coerce") - middle).abs() / half).fillna(np.inf)
        shown = bad.loc[far.sort_values(ascending=False, kind="stable").index[:worst]]
        title = f"The worst {len(shown)} of the {len(bad)} numbers that are outside or missing, with the interval for a new seed:"
        parts.append(title + "\n" + shown.fillna({"value": "-"}).to_string(index=False, float_format="{:.4g}".format))
    others = len(compared) - (compared["verdict"] == "same").sum()
    if (compared["reference"].isna() & (compared["verdict"] != "new")).any():
        parts.append(f"Of other seeds' numbers one in a thousand is outside by chance: here about {others / 1000:.1f}.")
    return "\n\n".join(parts)
