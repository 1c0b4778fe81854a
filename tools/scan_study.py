"""Joins what the scan answered on all data sets: make scan-study, or python tools/scan_study.py results results/reference

Reads the tables of every data set under the first folder. Writes under the second one scan/sets.csv (a line a set),
scan/summary.csv (how many of them alarm, with an exact 95 % interval), scan/sets.png (a point a set), scan/others.csv (what other
detectors flag on the same sets), every table scan*.csv but those of single seeds, and pictures of what detection costs.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import write_text
from rethinking_backdoors.reporting.figures import scan as figures
from rethinking_backdoors.reporting.figures import style

# The data sets whose sets are the evidence; others are scanned for tables of their own.
STUDIED = sorted(path.stem for path in (Path(__file__).parents[1] / "config/scan").glob("*.yaml"))
QUIET = "nobody attacked: "
MEANS = ("flagged", "poison_left", "clean_flagged", "asr", "clean_accuracy")


def _tables(folder: Path, name: str, datasets: list[str] = STUDIED) -> list[Path]:
    """The tables of one name that there are."""
    return [path for dataset in datasets if (path := folder / dataset / f"tables/{name}.csv").is_file()]


def sets(folder: Path, datasets: list[str] = STUDIED) -> pd.DataFrame:
    """A line for every set that was scanned: ``dataset``, ``attacked``, ``kind``, ``seed`` and what came out."""
    made = []
    for path in _tables(folder, "scan_seeds", datasets):
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


def others(folder: Path) -> pd.DataFrame:
    """What every detector flags on the same sets, a line a data set and detector: means over sets."""
    made = []
    for path in [*_tables(folder, "scan_seeds"), *_tables(folder, "scan_others_seeds")]:
        long = pd.read_csv(path)
        wide = long.pivot_table("value", ["experiment", "row", "seed"], "column").reset_index()
        quiet = wide["row"].str.contains(QUIET)
        detector = wide["row"].str.split(QUIET).str[0].str.removesuffix(", ").replace("", "scan")
        made.append(wide.assign(dataset=path.parts[-3], detector=detector, quiet=quiet))
    lines = []
    for (dataset, detector), part in pd.concat(made).groupby(["dataset", "detector"], sort=False):
        attacked, unattacked = part[~part["quiet"]], part[part["quiet"]]
        line = {"dataset": dataset, "detector": detector, "sets": len(unattacked), "attacked": len(attacked)}
        line |= {"sets_with_flags": int((unattacked["flagged"] > 0).sum()), "flagged": unattacked["flagged"].mean()}
        lines.append(line | attacked.reindex(columns=["poison_left", "clean_flagged"]).mean().to_dict())
    return pd.DataFrame(lines).round(2).sort_values(["dataset", "flagged"])


def pictures(target: Path) -> Path:
    """Where pictures lie: figures/ beside results/, as everywhere."""
    return Path("figures", *target.parts[1:]) if target.parts[:1] == ("results",) else target


def tables(folder: Path, target: Path) -> None:
    """Copies the tables of every data set, and draws what detection costs where that was measured."""
    for path in sorted(folder.glob("*/tables/scan*.csv")):
        if not path.stem.endswith("_seeds") and folder != target:
            write_text(target / path.relative_to(folder), path.read_text(encoding="utf-8"))
        if picture := {"scan_price": figures.price, "scan_growth": figures.growth}.get(path.stem):
            name = path.stem.removeprefix("scan_")
            style.save(picture(pd.read_csv(path)), pictures(target) / f"scan/{path.parts[-3]}_{name}.png")


def main(folder: Path, target: Path) -> None:
    found = sets(folder)
    counts = summary(found)
    for line in counts[counts["dataset"] == "all"].itertuples():
        name = "attacked sets" if line.attacked else "sets that nobody attacked"
        print(f"{name}: {line.alarms} of {line.sets} alarm, {line.low} to {line.high} %")
    write_text(target / "scan/sets.csv", found.to_csv(index=False))
    write_text(target / "scan/summary.csv", counts.to_csv(index=False))
    write_text(target / "scan/others.csv", others(folder).to_csv(index=False))
    style.save(figures.sets(found), pictures(target) / "scan/sets.png")
    tables(folder, target)


def start(work: Callable[[Path, Path], None]) -> None:
    """Runs it on the two folders of the command line; bad input ends in one sentence and exit code 2."""
    try:
        work(*(Path(sys.argv[at] if len(sys.argv) > at else "results") for at in (1, 2)))
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    start(main)
