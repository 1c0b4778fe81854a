"""What is committed of attacks, detectors and votes beyond the paper's, as docs/templates/beyond.md asks for it."""

from functools import partial
from typing import Any

import pandas as pd
from references import ROOT, Reference, read

from rethinking_backdoors.config import load
from rethinking_backdoors.reporting.findings import STOPPED

# Of attacks that do not give the target class's label.
LABELS = dict.fromkeys(("clean_label", "clean_label_adversarial", "sig"), "kept")
LABELS |= {"all_to_all": "the next", "untargeted": "any wrong"}
CHANGES = (1, 2, 5, 10, 20, 50)


class Beyond(Reference):
    """Attacks beyond the paper's on digits."""

    def __init__(self):
        super().__init__("digits_beyond")
        self.lines = {line["experiment"]: line for line in load(ROOT / "config/beyond/digits.yaml")["experiments"]}

    @property
    def number(self) -> int:
        return len(self.lines) - 1

    @property
    def quiet(self) -> str:
        return f"{self.value('attacks', experiment=0, column='asr', row='none'):.1f}"

    @property
    def attacks(self) -> list[dict[str, Any]]:
        made = []
        for number, line in self.lines.items():
            if number:
                cell = partial(self.value, "attacks", experiment=number, row="none")
                quiet = partial(self.value, "attacks", experiment=number, row="unpoisoned")
                row = {"name": line["attack"], "poisoned": line["poisoned"], "label": LABELS.get(line["attack"], "changed")}
                row |= {"asr": self.between("attacks", experiment=number, column="asr", row="none"), "l2": cell(column="l2")}
                row |= {"quiet": quiet(column="asr"), "recognised": quiet(column="poisoned_accuracy")}
                made.append(row | {"clean": f"{cell(column='clean_accuracy'):.1f}", "changed": cell(column="changed")})
        return made

    @property
    def working(self) -> list[int]:
        """Attacks that succeed on half of the images or more."""
        return [n for n in self.lines if n and self.value("attacks", experiment=n, column="asr", row="none") >= 50]

    @property
    def detectors(self) -> list[dict[str, Any]]:
        """A line a row of table 7: the attacks that it stops, what it ranks and removes, what it was told, its price."""
        table, costs = (read(ROOT / f"results/reference/beyond/{name}.csv") for name in ("table7", "costs"))
        table = table[(table["dataset"] == self.place.name) & (table["detector"] != "oracle")]
        made = []
        for name, part in table.groupby("detector", sort=False):
            cells = part.set_index(["column", "experiment"])["value"]
            success = cells["asr"].reindex(self.working)
            within = cells.get("auroc_within_target", pd.Series(dtype=float)).reindex(self.working)
            lasting = [self.lines[n]["attack"] for n in self.working if success[n] > STOPPED]
            cost = costs[costs["detector"] == name]["cpu_s"]
            told = [word for word in ("target_class", "poisoned") if cells.get((f"told_{word}", self.working[0]), 0) > 0]
            made.append(
                {"name": name, "stopped": len(self.working) - len(lasting), "of": len(self.working), "lasting": lasting}
                | {"within": "" if within.isna().all() else f"{within.min():.0f} to {within.max():.0f}", "told": told}
                | {"quiet": cells["clean_removed", 0], "cost": "" if cost.empty else f"{cost.iloc[0]:.1f}"}
            )
        return made

    def stops(self, detector: str) -> int:
        """How many of the attacks that work."""
        (line,) = (line for line in self.detectors if line["name"] == detector)
        return line["stopped"]

    def within(self, *detectors: str) -> pd.Series:
        """The highest AUROC within the label of some detectors, by experiment."""
        table = read(ROOT / "results/reference/beyond/table7.csv")
        chosen = table["detector"].isin(detectors) & (table["column"] == "auroc_within_target")
        return table[chosen & (table["dataset"] == self.place.name)].groupby("experiment")["value"].max()

    @property
    def weak(self) -> list[str]:
        """The attacks whose poison neither datamodels nor the spread of margins rank above three of four clean examples."""
        best = self.within("paper", "refined", "margin_sd")
        return [self.lines[n]["attack"] for n in self.working if best[n] < 75]

    @property
    def told(self) -> float:
        """The lowest AUROC of the strength estimate with the true indicator."""
        table = read(ROOT / "results/reference/beyond/table7.csv")
        return table[(table["detector"] == "oracle") & (table["dataset"] == self.place.name)]["value"].min()

    @property
    def unstopped(self) -> list[str]:
        """The attacks that no detector stops."""
        detectors = [line for line in self.detectors if line["name"] not in ("none", "random", "true")]
        names = [self.lines[n]["attack"] for n in self.working]
        return [name for name in names if all(name in line["lasting"] for line in detectors)]

    @property
    def compared(self) -> int:
        """Seeds of table 7."""
        return int(read(ROOT / "results/reference/beyond/table7.csv")["seeds"].max())

    @property
    def certified(self) -> list[dict[str, Any]]:
        """A line a size of subsets, means over attacks that succeed on half of the images or more."""
        working = self.working
        table = self.table("certificates")
        made = []
        for size, part in table.groupby("size"):
            success = part[(part["column"] == "asr") & part["experiment"].isin(working)].set_index("experiment")["value"]
            mean = part[part["experiment"].isin(working)].groupby(["column", "against"])["value"].mean()
            against = [f"{mean['certified_accuracy', str(changes)]:.0f}" for changes in CHANGES]
            row = {"size": size, "clean": mean["clean_accuracy", "the attack"], "against": against, "asr": success.mean()}
            others = [f"{self.lines[n]['attack']} {value:.0f}" for n, value in success.items() if value > STOPPED]
            row |= {"worst_asr": success.max(), "worst": self.lines[success.idxmax()]["attack"], "working": len(success)}
            made.append(row | {"stopped": len(success) - len(others), "others": others})
        return made

    @property
    def seconds(self) -> float:
        """Of processor time, for all votes on one set."""
        lines = read(self.place / "cost.csv")
        return lines.loc[lines["rule"] == "certificates", "cpu_s"].mean()

    @property
    def lost(self) -> float:
        """Points of accuracy between the largest and the smallest subsets."""
        return self.certified[-1]["clean"] - self.certified[0]["clean"]
