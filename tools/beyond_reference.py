"""What is committed of attacks, detectors and votes beyond the paper's, as docs/templates/beyond.md asks for it."""

from functools import partial
from typing import Any

import pandas as pd
from references import ROOT, Reference, chosen, read, with_interval

from rethinking_backdoors.config import load
from rethinking_backdoors.reporting.findings import STOPPED

# Of attacks that do not give the target class's label.
KEPT = ("clean_label", "clean_label_adversarial", "narcissus", "sig", "sleeper_agent", "tuap")
LABELS = dict.fromkeys(KEPT, "kept")
LABELS |= {"all_to_all": "the next", "untargeted": "any wrong"}
CHANGES = (1, 2, 5, 10, 20, 50)


PLACE = ROOT / "results/reference/beyond"
# What is in no list of detectors: what nothing, chance and the truth do.
ENDS = ("none", "random", "true")


class Beyond(Reference):
    """Attacks beyond the paper's on one data set, and what detectors do against them."""

    def __init__(self, configuration: str):
        config = load(ROOT / f"config/beyond/{configuration}.yaml")
        super().__init__(config["dataset"])
        made = set(self.table("attacks")["experiment"])
        self.lines = {line["experiment"]: line for line in config["experiments"] if line["experiment"] in made}
        self.label = config["target_class"]
        table = read(PLACE / ("table8.csv" if config["images"]["source"] == "records" else "table7.csv"))
        self.joined = table[table["dataset"] == config["dataset"]]
        self.names = self.joined.drop_duplicates("experiment").set_index("experiment")["attack"].to_dict()

    @property
    def number(self) -> int:
        return len(self.lines) - 1

    @property
    def compared(self) -> int:
        """Seeds of the joined table."""
        return int(self.joined["seeds"].max())

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
                row = {"name": self.names[number], "poisoned": line["poisoned"], "label": LABELS.get(line["attack"], "changed")}
                row |= {"asr": self.between("attacks", experiment=number, column="asr", row="none"), "l2": cell(column="l2")}
                row |= {"quiet": quiet(column="asr"), "recognised": quiet(column="poisoned_accuracy")}
                row |= {name: cell(column=name) for name in ("changed", "similarity")}
                made.append(row | {"clean": f"{cell(column='clean_accuracy'):.1f}"})
        return made

    def possible(self, number: int) -> float:
        """The highest success that an attack can have: who wants the next class needs to recognise the image."""
        if self.lines[number]["attack"] != "all_to_all":
            return 100.0
        return self.value("attacks", experiment=number, column="clean_accuracy", row="none")

    @property
    def working(self) -> list[int]:
        """Attacks that have half of the success that is possible, or more, and owe half of that to the poison."""
        success = self.by("attacks", column="asr", row="none")
        alone = self.by("attacks", column="asr", row="unpoisoned")
        enough = lambda number: success[number] >= max(self.possible(number) / 2, 2 * alone[number])  # noqa: E731
        return [number for number in self.lines if number and enough(number)]

    @property
    def idle(self) -> list[str]:
        """The attacks that have less."""
        success = self.by("attacks", column="asr", row="none")
        return [self.names[number] for number in self.lines if number and success[number] < self.possible(number) / 2]

    @property
    def needless(self) -> list[str]:
        """The attacks whose trigger does more than half of it where nobody poisoned."""
        none = {*self.working, *(number for number in self.lines if self.names[number] in self.idle)}
        return [self.names[number] for number in self.lines if number and number not in none]

    @property
    def suffered(self) -> dict[str, dict[str, float]]:
        """Of each row of table 7 by how many points accuracies change against ``none``, means over the attacks that work."""
        columns = ["clean_accuracy", "worst_class_accuracy", "hardest_tenth_accuracy"]
        table = self.joined[self.joined["column"].isin(columns) & self.joined["experiment"].isin(self.working)]
        mean = table.pivot_table("value", "detector", "column")
        change = (mean - mean.loc["none"]).dropna().round(4) + 0.0  # no minus before a zero
        return change.loc[[name for name in self.detectors if name in change.index]].to_dict("index")

    @property
    def detectors(self) -> dict[str, dict[str, Any]]:
        """By row of table 7 or 8: the attacks that it stops, what it ranks and removes, what it was told, its price."""
        costs = read(PLACE / "costs.csv")
        costs = costs[costs["dataset"] == self.place.name].set_index("detector")
        made = {}
        for name, part in self.joined[self.joined["detector"] != "oracle"].groupby("detector", sort=False):
            cells = part.set_index(["column", "experiment"])["value"]
            success = cells["asr"].reindex(self.working)
            within = cells.get("auroc_within_target", pd.Series(dtype=float)).reindex(self.working)
            lasting = [self.names[n] for n in self.working if success[n] > STOPPED]
            told = [word for word in ("target_class", "poisoned", "clean") if cells.get((f"told_{word}", self.working[0]), 0) > 0]
            line = {"stopped": len(self.working) - len(lasting), "lasting": lasting, "told": told, "asr": success}
            line |= {"within": "" if within.isna().all() else f"{within.min():.0f} to {within.max():.0f}"}
            quiet = cells.get(("clean_removed", 0))  # the scan ranks no set that nobody attacked
            line |= {"quiet": "-" if quiet is None else f"{quiet:.0f}", "cost": "", "networks": ""}
            if name in costs.index:
                networks = costs["networks"][name]
                line |= {"cost": f"{costs['cpu_s'][name]:.1f}", "networks": "many" if pd.isna(networks) else f"{networks:,.0f}"}
            made[name] = line
        return made

    def rivals(self, names: list[str]) -> list[str]:
        """All detectors but these and the ends."""
        return [name for name in self.detectors if name not in (*ENDS, *names)]

    def stops(self, detector: str) -> int:
        """How many of the attacks that work."""
        return self.detectors[detector]["stopped"]

    def found(self, *names: str) -> int:
        """How many of the attacks that work a detector, or the better of some, ranks at 90 or above within the label."""
        ranks = self.cells("auroc_within_target", *names)
        return sum(ranks.get(number, 0) >= 90 for number in self.working)

    def scanned(self, attacked: bool, **where: Any) -> pd.DataFrame:
        """A line a set, attacked or not: what the scan said of it."""
        return chosen(read(PLACE / "scans.csv"), dataset=self.place.name, attacked=attacked, **where)

    def said(self, answer: str, attacked: bool = True) -> int:
        """Of how many of them it said so: "alarm", "look", or "false alarm", with a label that is not the attacked one."""
        sets = self.scanned(attacked)
        said = sets[answer.split()[-1]] > 0
        return int((said & (sets["right_label"] == 0)).sum() if answer == "false alarm" else said.sum())

    def finds(self, names: list[str]) -> str:
        """Of some detectors the one that finds most attacks, and how many: "`agpd` 4"."""
        name = max(names, key=self.found)
        return f"`{name}` {self.found(name)}"

    def best(self, names: list[str]) -> str:
        """Of some detectors the one that stops most attacks, and how many: "`ispl` 7"; "none" if none stops any."""
        name = max(names, key=self.stops)
        return f"`{name}` {self.stops(name)}" if self.stops(name) else "none"

    def cells(self, column: str, *detectors: str) -> pd.Series:
        """The highest of a column of some rows, by experiment."""
        wanted = self.joined["detector"].isin(detectors) & (self.joined["column"] == column)
        return self.joined[wanted].groupby("experiment")["value"].max()

    @property
    def weak(self) -> list[str]:
        """The attacks whose poison neither datamodels nor the spread of margins rank above three of four clean examples."""
        best = self.cells("auroc_within_target", "paper", "refined", "margin_sd")
        return [self.names[n] for n in self.working if best[n] < 75]

    @property
    def weaker(self) -> list[str]:
        """The attacks whose trigger is weaker than the strongest natural group."""
        strength = self.cells("strength", "oracle")
        return [self.names[n] for n in self.working if strength[n] < 100]

    def rank(self, number: int, *detectors: str) -> str:
        """The highest AUROC within the label of some detectors; empty for an attack that does not work."""
        return f"{self.cells('auroc_within_target', *detectors)[number]:.0f}" if number in self.working else ""

    def strength(self, number: int) -> str:
        """Of the poison, in percent of the strongest natural group; empty for an attack that does not work."""
        if number not in self.working:
            return ""
        (line,) = self.joined[(self.joined["experiment"] == number) & (self.joined["column"] == "strength")].itertuples()
        return with_interval(line)

    @property
    def told(self) -> float:
        """The lowest AUROC of the strength estimate with the true indicator."""
        return self.cells("auroc", "oracle").min()

    @property
    def unstopped(self) -> list[str]:
        """The attacks that no detector stops."""
        detectors = [line for name, line in self.detectors.items() if name not in ENDS]
        names = [self.names[n] for n in self.working]
        return [name for name in names if all(name in line["lasting"] for line in detectors)]

    @property
    def stoppers(self) -> dict[int, list[str]]:
        """The detectors that stop each attack that works."""
        named = {name: line["lasting"] for name, line in self.detectors.items() if name not in ENDS}
        return {n: [name for name, lasting in named.items() if self.names[n] not in lasting] for n in self.working}

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
            others = [f"{self.names[n]} {value:.0f}" for n, value in success.items() if value > STOPPED]
            row |= {"worst_asr": success.max(), "worst": self.names[success.idxmax()], "working": len(success)}
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


class Frontier:
    """Attacks over their budgets (frontier.csv)."""

    def __init__(self):
        self.table = read(PLACE / "frontier.csv")

    @property
    def unseen(self) -> pd.DataFrame:
        """The budgets that succeed on half of the images or more and that both detectors rank below 75 within the label."""
        found = self.table[["auroc_paper", "auroc_refined"]].max(axis=1)
        return self.table[(self.table["asr"] >= 50) & (found < 75)]

    @property
    def seen(self) -> pd.DataFrame:
        """The budgets that succeed as often, and that either detector ranks at 90 or more."""
        found = self.table[["auroc_paper", "auroc_refined"]].max(axis=1)
        return self.table[(self.table["asr"] >= 50) & (found >= 90)]

    def of(self, budget: str) -> pd.DataFrame:
        """The lines of one attack, from the lowest budget to the highest."""
        return self.table[self.table["budget"] == budget]
