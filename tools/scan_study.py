"""Joins what the scan answered on all data sets: make scan-study, or python tools/scan_study.py results results/reference

Reads the tables scan_seeds.csv of every data set under the first folder. Writes under the second one scan/sets.csv (a line a
set), scan/summary.csv (how many of them alarm, with an exact 95 % interval) and scan/sets.png (a point a set).
"""

import sys
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest

from rethinking_backdoors.detection.labels import Settings
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import write_text
from rethinking_backdoors.reporting.figures import style

QUIET = "nobody attacked: "
MEANS = ("flagged", "poison_left", "clean_flagged", "asr", "clean_accuracy")
# p-values are stored to four digits.
SMALLEST = 1e-4


def sets(folder: Path) -> pd.DataFrame:
    """A line for every set that was scanned: ``dataset``, ``attacked``, ``kind``, ``seed`` and what came out."""
    made = []
    for path in sorted(folder.glob("*/tables/scan_seeds.csv")):
        long = pd.read_csv(path)
        long = long[long["row"].str.startswith(("scan", QUIET))]
        wide = long.pivot_table("value", ["experiment", "row", "seed"], "column").reset_index()
        attacked = ~wide["row"].str.startswith(QUIET)
        kind = wide["row"].str.removeprefix(QUIET).where(~attacked, "experiment " + wide["experiment"].astype(str))
        wide = wide.drop(columns=["experiment", "row"])
        made.append(wide.assign(dataset=path.parts[-3], attacked=attacked, kind=kind))
    if not made:
        raise InputError(f"{folder} holds no tables scan_seeds.csv: make scan-study makes them.")
    found = pd.concat(made, ignore_index=True)
    first = ["dataset", "attacked", "kind", "seed"]
    return found[first + [column for column in found.columns if column not in first]]


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Counts for every kind of set, for all of a data set, and for everything."""
    parts = [
        ((dataset, attacked, kind), part) for (dataset, attacked, kind), part in found.groupby(["dataset", "attacked", "kind"])
    ]
    parts += [((dataset, attacked, "all"), part) for (dataset, attacked), part in found.groupby(["dataset", "attacked"])]
    parts += [(("all", attacked, "all"), part) for attacked, part in found.groupby("attacked")]
    return pd.DataFrame([_line(*key, part) for key, part in parts])


def _line(dataset: str, attacked: bool, kind: str, part: pd.DataFrame) -> dict:
    alarms = round(part["alarm"].sum() / 100)
    interval = binomtest(alarms, len(part)).proportion_ci(method="exact")
    line = {"dataset": dataset, "attacked": attacked, "kind": kind, "sets": len(part), "alarms": alarms}
    line |= {"low": round(100 * interval.low, 1), "high": round(100 * interval.high, 1)}
    line |= {"look": round(part["look"].sum() / 100)}
    if attacked:
        line["right_label"] = int(((part["alarm"] > 0) & (part["right_label"] > 0)).sum())
    return line | {name: round(part[name].mean(), 2) for name in MEANS if name in part and part[name].notna().any()}


@style.theme()
def draw(found: pd.DataFrame):
    """A point a set: how far its label stands out, and how clearly its group is parted from the rest of the label."""
    figure, settings = style.canvas(5.2, 3.2), Settings()
    axes = figure.subplots()
    markers = dict(zip(found["dataset"].unique(), "osD^vPX", strict=False))
    for (dataset, attacked), part in found.groupby(["dataset", "attacked"]):
        color, words = (style.POISONED, "attacked") if attacked else (style.CLEAN, "not attacked")
        look = {"color": color, "marker": markers[dataset], "s": 16, "alpha": 0.8, "linewidths": 0}
        axes.scatter(part["p_value"].clip(lower=SMALLEST), part["apart"], label=f"{dataset}, {words}", **look)
    axes.axvline(settings.alarm, color=style.NEUTRAL, lw=0.8, ls=style.DASHED)
    axes.axhline(100 * settings.apart, color=style.NEUTRAL, lw=0.8, ls=style.DASHED)
    axes.set(xscale="log", xlabel=f"p of the label that stands out most (at least {SMALLEST})")
    axes.set_ylabel("variance between two humps, %")
    axes.legend(fontsize=6, loc="lower left")
    return figure


def main(folder: Path, target: Path) -> None:
    found = sets(folder)
    counts = summary(found)
    for line in counts[counts["dataset"] == "all"].itertuples():
        name = "attacked sets" if line.attacked else "sets that nobody attacked"
        print(f"{name}: {line.alarms} of {line.sets} alarm, {line.low} to {line.high} %")
    write_text(target / "scan/sets.csv", found.to_csv(index=False))
    write_text(target / "scan/summary.csv", counts.to_csv(index=False))
    style.save(draw(found), target / "scan/sets.png")


if __name__ == "__main__":
    try:
        main(*(Path(sys.argv[at] if len(sys.argv) > at else "results") for at in (1, 2)))
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
