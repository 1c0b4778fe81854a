"""What the scan answers on tables: python tools/scan_tables.py TABLE.csv LABEL NAME --rows 3000 --sets 2 --column X=15

Draws disjoint parts of a table; scans what ``studies.scanned`` makes of each that nobody attacked, and two attacked sets:
20 and 40 rows of other labels get the values that are given and one label. Writes results/NAME/tables/scan.csv.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from rethinking_backdoors.data import labelled
from rethinking_backdoors.io import write_text
from rethinking_backdoors.studies.comparisons import of_every_seed, summarize
from rethinking_backdoors.studies.scanned import attacked, unattacked

COUNTS = (20, 40)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What the scan answers on parts of a table.")
    parser.add_argument("table", type=Path)
    parser.add_argument("label")
    parser.add_argument("name")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--sets", type=int, required=True)
    parser.add_argument("--skip", type=int, default=0, help="rows of the shuffled table that settings were chosen on")
    parser.add_argument("--column", action="append", default=[], help="COLUMN=VALUE, part of the trigger")
    return parser.parse_args()


def read(part: pd.DataFrame, label: str, folder: Path) -> labelled.Labelled:
    """A part as the command reads a table."""
    part.to_csv(folder / "part.csv", index=False)
    return labelled.read(folder / "part.csv", label=label)


def poisoned(part: pd.DataFrame, label: str, trigger: dict[str, float], count: int, rng: np.random.Generator):
    """The part with a trigger in ``count`` rows of other labels, and which rows those are."""
    target = rng.choice(np.sort(part[label].unique()))
    chosen = np.sort(rng.choice(np.flatnonzero(part[label] != target), count, replace=False))
    part = part.copy()
    for column, value in {**trigger, label: target}.items():
        part.iloc[chosen, part.columns.get_loc(column)] = value
    return part, chosen


def main() -> None:
    asked = options()
    out = Path("results") / asked.name / "tables"
    out.mkdir(parents=True, exist_ok=True)
    trigger = {name: float(value) for name, value in (text.split("=") for text in asked.column)}
    table = pd.read_csv(asked.table).sample(frac=1, random_state=0)[asked.skip :]
    rows = []
    for seed in range(asked.sets):
        part, rng = table[seed * asked.rows : (seed + 1) * asked.rows], np.random.default_rng(seed)
        start = {"experiment": 0, "seed": seed}
        rows += [start | row for row in unattacked(read(part, asked.label, out), seed)]
        for number, count in enumerate(COUNTS, 1):
            made, chosen = poisoned(part, asked.label, trigger, count, rng)
            # Nothing is retrained: what the attack does afterwards is not measured on tables.
            none = dict.fromkeys(("asr", "clean_accuracy"))
            found = attacked(read(made, asked.label, out), chosen, lambda taken, none=none: dict.fromkeys(taken, none), seed)
            rows += [{"experiment": number, "seed": seed} | row for row in found]
    (out / "part.csv").unlink()
    frame = pd.DataFrame(rows)
    write_text(out / "scan_seeds.csv", of_every_seed(frame, "scan").to_csv(index=False))
    write_text(out / "scan.csv", summarize(frame).to_csv(index=False))


if __name__ == "__main__":
    main()
