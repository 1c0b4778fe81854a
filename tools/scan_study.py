"""Joins what the scan answered on all data sets: make scan-study, or python tools/scan_study.py results/reference

Reads the tables scan.csv of every data set under a folder and writes scan/summary.csv there: of attacked sets how many alarm, how
many of them with the right label, and what is left; of sets that nobody attacked how many alarm, with an exact 95 % interval.
"""

import sys
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest

from rethinking_backdoors.io import write_text

QUIET = "nobody attacked: "


def lines(dataset: str, table: pd.DataFrame) -> list[dict]:
    """One line for every attack, one for every kind of set that nobody attacked, and one for all of either."""
    wide = table[table["row"].str.startswith(("scan", QUIET))].pivot_table("value", ["experiment", "row"], "column")
    wide["sets"] = table.groupby(["experiment", "row"])["seeds"].first().str.split().str.len()
    wide = wide.reset_index()
    wide["quiet"] = wide["row"].str.startswith(QUIET)
    made = []
    for quiet, part in wide.groupby("quiet"):
        for name, group in [*part.groupby("row" if quiet else "experiment"), ("all", part)]:
            sets = group["sets"].astype(int)

            def count(column: str, group: pd.DataFrame = group, sets: pd.Series = sets) -> int:
                return round(float((group[column] * sets).sum() / 100)) if column in group else 0

            total, alarms = int(sets.sum()), count("alarm")
            interval = binomtest(alarms, total).proportion_ci(method="exact")
            line = {"dataset": dataset, "attacked": not quiet, "kind": str(name).removeprefix(QUIET), "sets": total}
            line |= {"alarms": alarms, "low": round(100 * interval.low, 1), "high": round(100 * interval.high, 1)}
            line |= {"look": count("look"), "right_label": None if quiet else count("right_label")}
            for column in ("flagged", "poison_left", "clean_flagged", "asr", "clean_accuracy"):
                known = group[column].notna() if column in group else None
                if known is not None and known.any():
                    mean = (group[column] * sets)[known].sum() / sets[known].sum()
                    line[column] = round(float(mean), 2)
            made.append(line)
    return made


def main(folder: Path) -> None:
    tables = sorted(folder.glob("*/tables/scan.csv"))
    if not tables:
        sys.exit(f"{folder} holds no tables scan.csv: make scan-study makes them.")
    found = pd.DataFrame([line for path in tables for line in lines(path.parts[-3], pd.read_csv(path, dtype={"seeds": str}))])
    both = found[found["kind"] == "all"]
    for attacked, part in both.groupby("attacked"):
        sets, alarms = int(part["sets"].sum()), int(part["alarms"].sum())
        interval = binomtest(alarms, sets).proportion_ci(method="exact")
        name = "attacked sets" if attacked else "sets that nobody attacked"
        print(f"{name}: {alarms} of {sets} alarm, {100 * interval.low:.1f} to {100 * interval.high:.1f} %")
    write_text(folder / "scan/summary.csv", found.to_csv(index=False))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results"))
