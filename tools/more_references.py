"""Two references with tables of their own: all of CIFAR-10, and attacks beyond the paper's."""

from functools import partial
from typing import Any

from references import ROOT, Reference, read

from rethinking_backdoors.config import load

# Of attacks that do not give the target class's label.
LABELS = dict.fromkeys(("clean_label", "clean_label_adversarial", "sig"), "kept")
LABELS |= {"all_to_all": "the next", "untargeted": "any wrong"}
CHANGES = (1, 2, 5, 10, 20, 50)


class Whole(Reference):
    """All of CIFAR-10: single networks of the paper's kind, and what was run with a small one."""

    def __init__(self):
        super().__init__("cifar10_cpu")
        self.numbers = read(ROOT / "results/reference/cifar10/verification.csv")
        self.counts = self.numbers["verdict"].value_counts()

    def number(self, where: str, experiment: int, column: str) -> Any:
        """One published number of an undefended network, with what was measured."""
        lines = self.numbers
        at = (lines["where"] == where) & (lines["experiment"] == experiment) & (lines["row"] == "none")
        (line,) = lines[at & (lines["column"] == column)].itertuples()
        return line

    def cell(self, where: str, experiment: int, column: str) -> str:
        """Two cells: "86.6 | 87.8 [87.1, 88.4] open"."""
        line = self.number(where, experiment, column)
        return f"{line.published:.1f} | {line.measured:.1f} [{line.low:.1f}, {line.high:.1f}] {line.verdict}"

    def attack(self, experiment: int, column: str) -> str:
        return f"{self.value('attacks', experiment=experiment, column=column):.1f}"

    @property
    def attacked(self) -> list[int]:
        return sorted(set(self.table("attacks")["experiment"]) - {0})

    @property
    def scans(self) -> list[Any]:
        """A line a set: ``experiment`` and what the scan answered."""
        table = self.table("scan")
        table = table[table["row"].str.startswith(("scan", "nobody"))]
        wide = table.pivot_table("value", "experiment", "column").reset_index()
        return list(wide.itertuples())

    def judged(self, experiment: int, models: int, detector: str, judged: str, column: str) -> float:
        where = {"models": models, "detector": detector, "judged": judged, "column": column}
        return self.value("growth", experiment=experiment, **where)


class Beyond(Reference):
    """Attacks beyond the paper's on digits."""

    def __init__(self):
        super().__init__("digits_beyond")
        self.lines = {line["experiment"]: line for line in load(ROOT / "config/beyond/digits.yaml")["experiments"]}

    def seeds_of(self, name: str) -> int:
        return len(str(self.table(name)["seeds"].iloc[0]).split())

    @property
    def number(self) -> int:
        return len(self.lines) - 1

    @property
    def quiet(self) -> str:
        return f"{self.value('attacks', experiment=0, column='asr'):.1f}"

    @property
    def attacks(self) -> list[dict[str, Any]]:
        made = []
        for number, line in self.lines.items():
            if number:
                cell = partial(self.value, "attacks", experiment=number)
                row = {"name": line["attack"], "poisoned": line["poisoned"], "label": LABELS.get(line["attack"], "changed")}
                row |= {"asr": self.between("attacks", experiment=number, column="asr"), "l2": cell(column="l2")}
                made.append(row | {"clean": f"{cell(column='clean_accuracy'):.1f}", "changed": cell(column="changed")})
        return made

    @property
    def certified(self) -> list[dict[str, Any]]:
        """A line a size of subsets, means over attacks that succeed on half of the images or more."""
        working = [n for n in self.lines if n and self.value("attacks", experiment=n, column="asr") >= 50]
        table = self.table("certificates")
        made = []
        for size, part in table.groupby("size"):
            success = part[(part["column"] == "asr") & part["experiment"].isin(working)].set_index("experiment")["value"]
            mean = part[part["experiment"].isin(working)].groupby(["column", "against"])["value"].mean()
            against = [f"{mean['certified_accuracy', str(changes)]:.0f}" for changes in CHANGES]
            row = {"size": size, "clean": mean["clean_accuracy", "the attack"], "against": against, "asr": success.mean()}
            made.append(row | {"worst_asr": success.max(), "worst": self.lines[success.idxmax()]["attack"]})
        return made

    @property
    def lost(self) -> float:
        """Points of accuracy between the largest and the smallest subsets."""
        return self.certified[-1]["clean"] - self.certified[0]["clean"]
