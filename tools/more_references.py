"""References with tables of their own: whole data sets."""

from typing import Any

import pandas as pd
from references import ROOT, Reference, read

from rethinking_backdoors.config import describe, load
from rethinking_backdoors.reporting.figures.scan import exponent

_DIRTY, _CLEAN = "dirty label, {}", "clean label, {} %"
NAMES = {1: _DIRTY.format("one pixel, 1.5 %"), 2: _DIRTY.format("one pixel, 5 %")}
NAMES |= {3: _DIRTY.format("three pixels, 1.5 %"), 4: _DIRTY.format("three pixels, 5 %")}
NAMES |= {5: "adversarial " + _CLEAN.format("1.5"), 6: "adversarial " + _CLEAN.format("5")}
NAMES |= {7: _CLEAN.format("5"), 8: _CLEAN.format("10")}


class Large(Reference):
    """A whole data set on two cores, by a small network: attacks, scans, and detection as models grow."""

    def __init__(self, dataset: str):
        super().__init__(dataset)
        experiments = load(ROOT / f"config/{dataset}.yaml")["experiments"]
        self.names = {line["experiment"]: describe(line) for line in experiments}
        self.poisoned = {line["experiment"]: line["poisoned"] for line in experiments}

    def attack(self, experiment: int, column: str, row: str = "none") -> str:
        return f"{self.value('attacks', experiment=experiment, column=column, row=row):.1f}"

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

    @property
    def scanned(self) -> list[int]:
        return [line.experiment for line in self.scans if line.experiment]

    @property
    def unscanned(self) -> list[int]:
        return [experiment for experiment in self.attacked if experiment not in self.scanned]

    def answered(self, answer: str) -> list[int]:
        """The attacked experiments in which the scan said ``alarm``, ``look`` or ``nothing``."""
        said = {line.experiment: "alarm" if line.alarm else "look" if line.look else "nothing" for line in self.scans}
        return [experiment for experiment, given in said.items() if experiment and given == answer]

    @property
    def grown(self) -> list[int]:
        """The experiments that detection was run on."""
        return sorted(self.table("growth")["experiment"].unique())

    def growth(self, experiment: int) -> list[dict[str, Any]]:
        """A line for each number of models and detector: AUROC over all and within the class, by whom sets are judged."""
        made = []
        for (models, detector), part in self.table("growth", experiment=experiment).groupby(["models", "detector"], sort=False):
            cells = part.set_index(["judged", "column"])["value"]
            names = {"same": "same models", "other": "other models", "permuted": "permuted"}
            both = {key: (cells.get((name, "auroc")), cells.get((name, "auroc_within_target"))) for key, name in names.items()}
            said = {key: "" if pair[0] is None else f"{pair[0]:.1f} / {pair[1]:.1f}" for key, pair in both.items()}
            made.append({"models": models, "detector": detector, **said, "left": cells["same models", "poison_left"]})
        return made

    def grew(self, experiment: int, **where: Any) -> pd.Series:
        """AUROC within the class by number of models."""
        lines = self.table("growth", experiment=experiment, column="auroc_within_target", **where)
        return lines.set_index("models")["value"]

    @property
    def simpler(self) -> list[int]:
        """The experiments in which the spread of margins ranks the poison better within the class than both detectors."""

        def best(e: int, *detectors: str) -> float:
            return max(self.grew(e, detector=name, judged="same models").iloc[-1] for name in detectors)

        return [e for e in self.grown if best(e, "margin_sd") > best(e, "paper", "refined")]

    @property
    def model_seconds(self) -> float:
        """Of processor time, for a network on half of the images and its margins."""
        trained = self.jobs("train").groupby("experiment")["cpu_s"].sum()
        models = self.table("growth").groupby("experiment")["models"].max()
        return trained[str(self.grown[0])] / models[self.grown[0]]

    @property
    def most_models(self) -> int:
        return int(self.table("growth")["models"].max())

    def jobs(self, rule: str) -> Any:
        """The lines of cost.csv of a rule."""
        lines = read(self.place / "cost.csv")
        return lines[lines["rule"] == rule]

    def minutes(self, rule: str) -> float:
        """Of processor time, mean over experiments."""
        return self.jobs(rule).groupby("experiment")["cpu_s"].sum().mean() / 60

    @property
    def attacks_minutes(self) -> float:
        """Of processor time for the table of attacks: everything but scans."""
        table = read(self.place / "cost.csv")
        return table.loc[table["rule"] != "scan", "cpu_s"].sum() / 60

    def longest(self, rule: str) -> float:
        """Minutes of processor time of the experiment that took most."""
        return self.jobs(rule).groupby("experiment")["cpu_s"].sum().max() / 60

    def memory(self, rule: str) -> float:
        """MB of the largest job."""
        return self.jobs(rule)["max_rss_mb"].max()


class Whole(Large):
    """All of CIFAR-10: that, and single networks of the paper's kind."""

    def __init__(self):
        super().__init__("cifar10_cpu")
        self.names = NAMES
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

    @property
    def above(self) -> pd.Series:
        """Clean accuracy of the paper's network here minus what the paper prints, by experiment."""
        lines = [self.number("Table 1", experiment, "clean_accuracy") for experiment in range(1, 9)]
        return pd.Series([line.measured - line.published for line in lines])

    def paper(self, where: str, experiment: int, column: str) -> str:
        return f"{self.number(where, experiment, column).published:.1f}"

    def printed(self, where: str, experiment: int, column: str, row: str | None = None) -> str:
        """What the paper prints of one row, or of the only one."""
        lines = self.numbers[(self.numbers["where"] == where) & (self.numbers["experiment"] == experiment)]
        lines = lines[(lines["column"] == column) & ((lines["row"] == row) | (row is None))]
        (line,) = lines.itertuples()
        return f"{line.published:.1f}"

    def evidence(self, experiment: int) -> pd.Series:
        """What the claims stand on, by table, row and column."""
        lines = self.table("evidence", experiment=experiment)
        return lines.groupby(["table", "row", "column"])["value"].mean()

    @property
    def largest(self) -> float:
        """MB of the largest job of all."""
        return read(self.place / "cost.csv")["max_rss_mb"].max()


class Price:
    """How many models a trigger needs as the data grow, and what they cost (scan_growth.csv)."""

    def __init__(self, dataset: str):
        table = Reference(dataset).table("scan_growth")
        self.seeds = table["seeds"].astype(str).str.split().str.len().max()
        self.lines = {key: line.sort_values("examples") for key, line in table.groupby(["experiment", "subsets", "column"])}
        self.fixed = next(subsets for _, subsets, _ in self.lines if subsets != "half")

    def ends(self, experiment: int, subsets: str, column: str = "models_needed") -> tuple[float, float]:
        """The values of the smallest and of the largest set."""
        values = self.lines[experiment, subsets, column]["value"]
        return values.iloc[0], values.iloc[-1]

    def powers(self, subsets: str, column: str) -> list[float]:
        """The powers of n that a column grows with, an experiment each, from the lowest."""
        return sorted(exponent(line) for (_, kind, name), line in self.lines.items() if (kind, name) == (subsets, column))

    def saved(self, experiment: int) -> float:
        """How many times cheaper subsets of a fixed size are on the largest set."""
        return self.ends(experiment, "half", "price_needed")[1] / self.ends(experiment, self.fixed, "price_needed")[1]
