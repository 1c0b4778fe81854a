"""Joins what detectors and votes do against attacks beyond the paper's: python tools/beyond.py results results/reference

Reads the runs of the configurations of config/beyond under the first folder; what was not run is left out. Writes in beyond/
under the second one:

- table7.csv: images, attack x detector: success and accuracy after removal, poison left, AUROC within the label, and so on;
- table8.csv: the same of data that are no images;
- costs.csv: networks and seconds of a processor that a detector takes for one set;
- table9.csv: certificates; curves.csv: the k-output of every first seed; frontier.csv: attacks over their budgets;
- scans.csv: what the scan says of every set of images, attacked or not;

and figures 12 of each set of images, 13 and 14. `make beyond` makes the runs first.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scan_study import pictures, sets, start

from rethinking_backdoors.config import load
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.evaluation.tables import interval
from rethinking_backdoors.io import read_npz, write_text
from rethinking_backdoors.reporting.figures import beyond as figures
from rethinking_backdoors.reporting.figures import style

CONFIGURATIONS = Path(__file__).parents[1] / "config/beyond"
# Of each table the columns that tables 7 and 8 take.
TAKEN = {
    "table2": ["auroc"],  # of the strength estimate with the true indicator: row "oracle"
    "table3": ["clean_accuracy"],
    "table6": ["asr"],
    "table4": ["crossfit_auroc_within_target", "permuted_mean_auroc_within_target"],
    "defenses": ["auroc_within_target", "poison_left", "clean_removed", "told_target_class", "told_poisoned", "told_clean"],
    "removal": ["target_class_accuracy", "worst_class_accuracy", "hardest_tenth_accuracy"],
}
# What table 7 calls what the scan's table has. The scan removes what it is sure of; ranked, as much as detectors do.
SCANS = {"scan": "scan", "ranked by the scan": "scan_ranked"}
SCANNED = {"asr": "asr", "clean_accuracy": "clean_accuracy", "auroc_within_target": "auroc_within_target"}
SCANNED |= {"poison_left": "poison_left", "clean_flagged": "clean_removed", "flagged": "removed"}
# The rules whose work a detector is, beside what it does itself.
MANY = ("train", "datamodel")
ONE = ("representations",)
# Lines of the frontier: what the tens of an experiment's number say.
BUDGETS = {
    10: "one pixel: more images",
    11: "one pixel: brighter",
    12: "split over four pixels: more images",
    13: "label kept: more images",
    14: "pattern mixed in: more opaque",
    15: "wave, label kept: higher",
    16: "covers: more of them",
}


def named(config: dict[str, Any]) -> dict[int, str]:
    """Every experiment's attack; where several have the same, with the trigger, or with the number where that is the same too."""
    lines = config["experiments"]
    names = {line["experiment"]: line["attack"].replace("none", "no attack") for line in lines}
    for line in lines:
        alike = [other for other in lines if other["attack"] == line["attack"]]
        if len(alike) > 1:
            apart = line["trigger"] if len({other["trigger"] for other in alike}) == len(alike) else line["experiment"]
            names[line["experiment"]] += f" ({apart})"
    return names


def joined(folder: Path, config: dict[str, Any]) -> pd.DataFrame:
    """A line a number: ``dataset``, ``experiment``, ``attack``, ``detector`` and, as in the tables, ``column`` to ``seeds``."""
    names = named(config)
    parts = []
    for name, columns in TAKEN.items():
        if (path := folder / f"tables/{name}.csv").is_file():
            table = read_table(path)
            parts.append(table[table["column"].isin(columns)])
    if (path := folder / "tables/scan.csv").is_file():
        parts.append(scanned(read_table(path)))
    if (path := folder / "tables/evidence.csv").is_file():
        parts.append(strengths(pd.read_csv(path)))
    made = pd.concat(parts).rename(columns={"row": "detector"})
    made = made[made["experiment"].isin(names)]
    made.insert(0, "dataset", config["dataset"])
    made.insert(2, "attack", made["experiment"].map(names))
    rows = [*dict.fromkeys(pd.read_csv(folder / "tables/table6.csv")["row"]), *SCANS.values(), "oracle"]
    place = {name: number for number, name in enumerate([*names, *rows])}
    return made.sort_values(["experiment", "detector"], key=lambda column: column.map(place), kind="stable")


def read_table(path: Path) -> pd.DataFrame:
    """A table of a run, with the number of seeds in ``seeds``; tables on request say which."""
    table = pd.read_csv(path, dtype={"seeds": str})
    asked = path.stem in ("removal", "scan")
    return table.assign(seeds=[len(seeds.split()) if asked else int(seeds) for seeds in table["seeds"]])


def scanned(table: pd.DataFrame) -> pd.DataFrame:
    """The scan as rows of table 7; where nobody attacked, what it removes of the set as it is."""
    quiet = table[(table["row"] == "nobody attacked: as it is") & (table["column"] == "flagged")]
    attacked = table[table["row"].isin(SCANS) & table["column"].isin(SCANNED)]
    found = pd.concat([attacked.replace({"column": SCANNED}), quiet.assign(column="clean_removed", row="scan")])
    return found.replace({"row": SCANS})


def strengths(evidence: pd.DataFrame) -> pd.DataFrame:
    """Rows ``oracle``: the strength of the poison in percent of the strongest natural group's."""
    natural = evidence[(evidence["table"] == "natural") & (evidence["column"] == "strength")]
    natural = natural.pivot(index=["experiment", "seed"], columns="row", values="value")
    percent = 100 * natural["poison"] / natural.drop(columns="poison").max(axis=1)
    lines = [
        (experiment, "oracle", "strength", *np.round(interval(part.to_numpy()), 2), len(part))
        for experiment, part in percent.groupby("experiment")
    ]
    return pd.DataFrame(lines, columns=["experiment", "row", "column", "value", "low", "high", "seeds"])


def costs(folder: Path, config: dict[str, Any]) -> pd.DataFrame:
    """``dataset``, ``detector``, ``networks`` trained and ``cpu_s`` for one set, everything that the detector needs included."""
    sets = len(config["experiments"]) * len(list((folder / "images").glob("seed*.npz")))

    def seconds(rule: str, name: str = "*") -> float:
        files = (folder / f"benchmarks/{rule}").glob(f"{name}.tsv")
        return sum(pd.read_csv(path, sep="\t")["cpu_time"].iloc[0] for path in files) / sets

    shared, models = {"many": sum(map(seconds, MANY)), "one": sum(map(seconds, ONE))}, config["models"]["count"]
    lines = [("margin_sd", models, seconds("train") + seconds("yardsticks"))]
    lines += [(name, models, shared["many"] + seconds("detect", f"*-{name}")) for name in config["detectors"]]
    for name, line in config["defenses"].items():
        lines.append((name, _networks(line), shared["one"] + seconds("baseline", f"*-{name}")))
    if (spent := sorted((folder / "benchmarks/scan").glob("exp[1-9]*.tsv"))) and (folder / "tables/scan.csv").is_file():
        mean = sum(pd.read_csv(path, sep="\t")["cpu_time"].iloc[0] for path in spent) / len(spent)
        lines += [(name, None, mean) for name in SCANS.values()]
    made = pd.DataFrame(lines, columns=["detector", "networks", "cpu_s"]).round(2).assign(dataset=config["dataset"])
    return made.astype({"networks": "Int64"})


def _networks(line: dict[str, Any]) -> int | None:
    """How many networks a defense has trained, the one of the representations included; None where data decide."""
    own = {
        "early_loss": line.get("networks", 0),
        "confident_learning": line.get("folds", 0) * line.get("rounds", 0),
        "trak": line.get("networks", 0),
    }
    return None if line["method"] == "inverse_self_paced" else own.get(line["method"], 1)


def curves(folder: Path, config: dict[str, Any]) -> pd.DataFrame:
    """The k-output of the first seed: ``dataset``, ``experiment``, ``attack``, ``k``, mean margins ``poisoned`` and ``clean``."""
    parts = []
    for line in config["experiments"]:
        place = folder / f"exp{line['experiment']}/seed{config['seeds'][0]}/alpha50/strength.npz"
        if line["experiment"] and place.is_file():
            found = read_npz(place)
            values = {"k": found["k"], "poisoned": found["g_poisoned"].round(4), "clean": found["g_clean"].round(4)}
            about = {"dataset": config["dataset"], "experiment": line["experiment"], "attack": named(config)[line["experiment"]]}
            parts.append(pd.DataFrame(about | values))
    return pd.concat(parts) if parts else pd.DataFrame()


def frontier(folder: Path, config: dict[str, Any]) -> pd.DataFrame:
    """A line an attack and budget: what it achieves, how it looks, and how high every detector ranks it within its label."""
    lines = {line["experiment"]: line for line in config["experiments"] if line["experiment"]}
    attacks = pd.read_csv(folder / "tables/attacks.csv")
    seen = attacks[attacks["row"] == "none"].pivot(index="experiment", columns="column", values="value")
    found = pd.read_csv(folder / "tables/defenses.csv")
    within = found[found["column"] == "auroc_within_target"].pivot(index="experiment", columns="row", values="value")
    success = pd.read_csv(folder / "tables/table6.csv").pivot(index="experiment", columns="row", values="value")
    made = seen.loc[list(lines), ["asr", "clean_accuracy", "l2", "changed", "similarity"]].join(within.add_prefix("auroc_"))
    made = made.join(success[["paper", "refined", "margin_sd"]].add_prefix("asr_after_"))
    made["seeds"] = found["seeds"].max()
    made.insert(0, "poisoned", [line["poisoned"] for line in lines.values()])
    made.insert(0, "budget", [BUDGETS[number // 10] for number in lines])
    return made.rename_axis("experiment").reset_index().assign(dataset=config["dataset"])


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """Every table of the module's docstring of which there is a run."""
    parts: dict[str, list[pd.DataFrame]] = {}
    scanned = []
    for path in sorted(CONFIGURATIONS.rglob("*.yaml")):
        config = load(path)
        if not (place := folder / config["dataset"]).joinpath("tables/defenses.csv").is_file():
            continue
        if path.parent.name == "frontier":
            parts.setdefault("frontier", []).append(frontier(place, config))
            continue
        parts.setdefault("table8" if config["images"]["source"] == "records" else "table7", []).append(joined(place, config))
        parts.setdefault("costs", []).append(costs(place, config))
        parts.setdefault("curves", []).append(curves(place, config))
        if (votes := place / "tables/certificates.csv").is_file():
            parts.setdefault("table9", []).append(pd.read_csv(votes).assign(dataset=config["dataset"]))
        if (place / "tables/scan_seeds.csv").is_file():
            scanned.append(config["dataset"])
    if scanned:
        parts["scans"] = [sets(folder, scanned)]
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def main(folder: Path, target: Path) -> None:
    tables = read(folder)
    if not tables:
        raise InputError(f"{folder} holds no finished run of config/beyond: make beyond makes it.")
    for name, table in tables.items():
        write_text(target / f"beyond/{name}.csv", table.to_csv(index=False))
        print(target / f"beyond/{name}.csv")
    place = pictures(target) / "beyond"
    for dataset, part in tables["table7"].groupby("dataset") if "table7" in tables else ():
        style.save(figures.detectors(part), place / f"figure12_{dataset}.png")
    if len(tables.get("curves", ())):
        style.save(figures.curves(tables["curves"]), place / "figure13.png")
    if "frontier" in tables:
        style.save(figures.frontier(tables["frontier"]), place / "figure14.png")


if __name__ == "__main__":
    start(main)
