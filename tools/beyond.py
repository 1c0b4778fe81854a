"""Joins what detectors and votes do against attacks beyond the paper's: python tools/beyond.py results results/reference

Reads the runs of the configurations of config/beyond under the first folder. Writes under the second one beyond/table7.csv
(attack x detector: success and accuracy after removal, poison left, AUROC within the label, what it was told), beyond/costs.csv
(seconds of a processor that a detector takes for one set), beyond/table9.csv (certificates), and figure 12
of each data set. `make beyond` makes the runs first.
"""

from pathlib import Path
from typing import Any

import pandas as pd
from scan_study import pictures, start

from rethinking_backdoors.config import load
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import write_text
from rethinking_backdoors.reporting.figures import beyond as figures
from rethinking_backdoors.reporting.figures import style

CONFIGURATIONS = Path(__file__).parents[1] / "config/beyond"
# Of each table the columns that table 7 takes.
TAKEN = {
    "table2": ["auroc"],  # of the strength estimate with the true indicator: row "oracle"
    "table3": ["clean_accuracy"],
    "table6": ["asr"],
    "table4": ["crossfit_auroc_within_target"],
    "defenses": ["auroc_within_target", "poison_left", "clean_removed", "told_target_class", "told_poisoned"],
}
# The rules whose work a detector is, beside what it does itself.
MANY = ("train", "datamodel")
ONE = ("representations",)


def table7(folder: Path, config: dict[str, Any]) -> pd.DataFrame:
    """A line a number: ``dataset``, ``experiment``, ``attack``, ``detector`` and, as in the tables, ``column`` to ``seeds``."""
    names = {line["experiment"]: line["attack"].replace("none", "no attack") for line in config["experiments"]}
    parts = []
    for name, columns in TAKEN.items():
        table = pd.read_csv(folder / f"tables/{name}.csv")
        parts.append(table[table["column"].isin(columns)])
    made = pd.concat(parts).rename(columns={"row": "detector"})
    made = made[made["experiment"].isin(names)]
    made.insert(0, "dataset", config["dataset"])
    made.insert(2, "attack", made["experiment"].map(names))
    rows = [*dict.fromkeys(pd.read_csv(folder / "tables/table6.csv")["row"]), "oracle"]
    place = {name: number for number, name in enumerate([*names, *rows])}
    return made.sort_values(["experiment", "detector"], key=lambda column: column.map(place), kind="stable")


def costs(folder: Path, config: dict[str, Any]) -> pd.DataFrame:
    """``dataset``, ``detector``, ``cpu_s`` of one set, everything that the detector needs included."""
    sets = len(config["experiments"]) * len(list((folder / "images").glob("seed*.npz")))

    def seconds(rule: str, name: str = "*") -> float:
        files = (folder / f"benchmarks/{rule}").glob(f"{name}.tsv")
        return sum(pd.read_csv(path, sep="\t")["cpu_time"].iloc[0] for path in files) / sets

    shared = {"many": sum(map(seconds, MANY)), "one": sum(map(seconds, ONE))}
    lines = [("margin_sd", seconds("train") + seconds("yardsticks"))]
    lines += [(name, shared["many"] + seconds("detect", f"*-{name}")) for name in config["detectors"]]
    lines += [(name, shared["one"] + seconds("baseline", f"*-{name}")) for name in config["defenses"]]
    return pd.DataFrame(lines, columns=["detector", "cpu_s"]).round(2).assign(dataset=config["dataset"])


def main(folder: Path, target: Path) -> None:
    tables: dict[str, list[pd.DataFrame]] = {"table7": [], "costs": [], "table9": []}
    for path in sorted(CONFIGURATIONS.glob("*.yaml")):
        config = load(path)
        if not (place := folder / config["dataset"]).joinpath("tables/table6.csv").is_file():
            continue
        found = table7(place, config)
        tables["table7"].append(found)
        tables["costs"].append(costs(place, config))
        if (votes := place / "tables/certificates.csv").is_file():
            tables["table9"].append(pd.read_csv(votes).assign(dataset=config["dataset"]))
        style.save(figures.detectors(found), pictures(target) / f"beyond/figure12_{config['dataset']}.png")
    if not tables["table7"]:
        raise InputError(f"{folder} holds no finished run of config/beyond: make beyond makes it.")
    for name, parts in tables.items():
        if parts:
            write_text(target / f"beyond/{name}.csv", pd.concat(parts).to_csv(index=False))
            print(target / f"beyond/{name}.csv")


if __name__ == "__main__":
    start(main)
