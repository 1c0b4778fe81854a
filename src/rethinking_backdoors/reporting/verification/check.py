"""Does a run give the reference's numbers? Every number of every seed beside the committed one.

A number is *the same* if it is written alike for the same seed. Otherwise it is *within* the spread of seeds if it lies in the
99.9 % prediction interval that the reference gives for one more seed: c -+ t s sqrt(1 + 1/n). For a seed that the reference
has, c is its number, n is 1, and s leaves that number out, so that a wrong one does not widen the interval that would show it;
for another seed c is the mean of the reference's n seeds. The standard deviation s is pooled over the experiments of the same
table, row and column. Else the number is *outside*. Of the numbers of other seeds one in a thousand is outside by chance.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.evaluation.tables import COLUMNS

CELL = ["table", "experiment", "row", "column"]
COVERAGE = 0.999
# Of numbers that no seed moves, the last digits may still differ by rounding.
ROUNDING = 1e-5
VERDICTS = ("same", "within", "outside", "missing", "new", "alone")
FAILING = ("outside", "missing")


def read(tables: Iterable[str | Path]) -> pd.DataFrame:
    """The tables among these files that hold numbers of every seed (columns ``tables.COLUMNS``), values as they are written.

    Means over permutations are left out: a reference may have more of these, and the first one is compared by itself.
    """
    frames = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in sorted(map(Path, tables))]
    kept = [frame for frame in frames if list(frame.columns) == COLUMNS]
    whole = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=COLUMNS, dtype=str)
    return whole[~whole["column"].str.startswith("permuted_mean_")].reset_index(drop=True)


def read_reference(folder: str | Path) -> pd.DataFrame:
    """The numbers of every seed of a reference; raises InputError if there is none of this data set."""
    if not Path(folder, "tables").is_dir():
        raise InputError(f"There is no reference to compare {Path(folder).name} with: {folder} does not exist.")
    return read(Path(folder, "tables").glob("*.csv"))


def spread(reference: pd.DataFrame) -> pd.DataFrame:
    """How the reference's seeds scatter, for each table, experiment, row and column.

    Returns:
        ``mean`` and ``count`` of the seeds; pooled over the experiments of the table, row and column, ``squares``, the sum of
        squared deviations from each experiment's mean, and its degrees of ``freedom``.
    """
    numbers = reference.assign(number=_numbers(reference["value"]))
    cells = numbers.groupby(CELL)["number"].agg(["mean", "var", "count"])
    cells["freedom"] = cells["count"] - 1
    cells["squares"] = cells["var"].fillna(0) * cells["freedom"]
    pooled = cells.groupby(["table", "row", "column"])[["squares", "freedom"]].transform("sum")
    return cells[["mean", "count"]].join(pooled)


def compare(run: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Every number of a run with its verdict, and those that it lacks.

    Args:
        run, reference: see ``read``. Experiments and seeds that only one of them has are no fault.

    Returns:
        The columns of ``COLUMNS``; ``reference``, the same seed's number; ``low`` and ``high``, the interval; and ``verdict``:
        "same", "within", "outside"; "missing", of an experiment and seed that the run has; "new", no such row or column in the
        reference; "alone", another number where the reference has too few seeds to say what seeds differ by.
    """
    keys = [*CELL, "seed"]
    every = run.merge(reference.rename(columns={"value": "reference"}), on=keys, how="outer", indicator="whose")
    has = pd.MultiIndex.from_frame(run[["table", "experiment", "seed"]])
    asked = pd.MultiIndex.from_frame(every[["table", "experiment", "seed"]]).isin(has)
    every = every[asked].merge(spread(reference).reset_index(), on=CELL, how="left")
    every["low"], every["high"] = _interval(every)
    number = _numbers(every["value"])
    rules = [
        (every["whose"] == "right_only", "missing"),
        (every["value"] == every["reference"], "same"),
        (every["mean"].isna() & every["reference"].isna(), "new"),
        (every["low"].isna(), "alone"),
        ((every["low"] <= number) & (number <= every["high"]), "within"),
    ]
    every["verdict"] = np.select(*zip(*rules, strict=True), default="outside")
    return every[[*COLUMNS, "reference", "low", "high", "verdict"]].reset_index(drop=True)


def _interval(every: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The ends of the interval for one more seed; NaN where there are too few seeds. Never narrower than rounding."""
    own = _numbers(every["reference"])
    known = own.notna()
    # A seed's share of the squares about the mean of n seeds is n / (n - 1) times its own square.
    share = every["count"] / (every["count"] - 1).where(every["count"] > 1) * (own - every["mean"]) ** 2
    squares = (every["squares"] - share.fillna(0)).clip(lower=0)
    freedom = every["freedom"] - (known & (every["count"] > 1))
    freedom = freedom.where(freedom > 0)
    centre, count = own.where(known, every["mean"]), every["count"].where(~known, 1)
    half = stdtrit(freedom, (1 + COVERAGE) / 2) * np.sqrt(squares / freedom * (1 + 1 / count))
    half = np.maximum(half, ROUNDING * centre.abs())
    return centre - half, centre + half


def _numbers(values: pd.Series) -> pd.Series:
    return pd.to_numeric(values, errors="coerce")


def fails(compared: pd.DataFrame) -> bool:
    """Whether a number is outside or missing."""
    return bool(compared["verdict"].isin(FAILING).any())


def sentence(compared: pd.DataFrame) -> str:
    """The answer in one line: "2,478 numbers: 2,156 the same, 322 within the spread of seeds, 0 outside"."""
    count = compared["verdict"].value_counts()
    text = f"{len(compared):,} numbers: {count.get('same', 0):,} the same, "
    text += f"{count.get('within', 0):,} within the spread of seeds, {count.get('outside', 0):,} outside"
    more = {"missing": "missing", "new": "not in the reference", "alone": "other, with too few seeds to judge"}
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
            lines.append((table, "all rows" if moved.empty else "other rows", *kept.sum().astype(int)))
        lines += [(table, row, *numbers) for (_, row), *numbers in moved.itertuples(name=None)]
    parts = [sentence(compared), pd.DataFrame(lines, columns=["table", "row", *counts.columns]).to_string(index=False)]
    bad = compared[compared["verdict"].isin(FAILING)]
    if len(bad):
        # The farthest first, in units of half the interval; what is missing before all.
        middle, half = (bad["low"] + bad["high"]) / 2, (bad["high"] - bad["low"]) / 2
        far = ((_numbers(bad["value"]) - middle).abs() / half).fillna(np.inf)
        shown = bad.loc[far.sort_values(ascending=False, kind="stable").index[:worst]]
        title = f"The worst {len(shown)} of the {len(bad)} numbers that are outside or missing, with the interval for a new seed:"
        parts.append(title + "\n" + shown.fillna({"value": "-"}).to_string(index=False, float_format="{:.4g}".format))
    others = len(compared) - (compared["verdict"] == "same").sum()
    if (compared["reference"].isna() & (compared["verdict"] != "new")).any():
        parts.append(f"Of other seeds' numbers one in a thousand is outside by chance: here about {others / 1000:.1f}.")
    return "\n\n".join(parts)
