"""What is committed of a configuration, as the templates of docs/templates ask for it."""

import functools
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from rethinking_backdoors.config import load
from rethinking_backdoors.reporting.findings import STOPPED
from rethinking_backdoors.reporting.verification.scorecard import scorecard
from rethinking_backdoors.reporting.words import series

ROOT = Path(__file__).parents[1]
# What a block shows: a section of a configuration's summary.
SECTIONS = {"results": "In one table", "defenses": "The defenses in one table"}

read = functools.cache(pd.read_csv)


def chosen(table: pd.DataFrame, **where: Any) -> pd.DataFrame:
    """The lines in which columns have the given values."""
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def with_interval(line: Any, digits: int = 0) -> str:
    """A line of a table: "54 [45, 63]", or "54" where there is no interval."""
    shown = f"{line.value:.{digits}f}"
    return shown if pd.isna(line.low) else f"{shown} [{line.low:.{digits}f}, {line.high:.{digits}f}]"


class Reference:
    """What is committed of one configuration."""

    def __init__(self, dataset: str):
        self.place = ROOT / "results/reference" / dataset

    def table(self, name: str, **where: Any) -> pd.DataFrame:
        """The lines of a table in which columns have the given values."""
        return chosen(read(self.place / f"tables/{name}.csv"), **where)

    def values(self, name: str, row: str, column: str, part: str = "value", experiments: list[int] | None = None) -> pd.Series:
        """One row and column of a table by experiment, those without an attack left out."""
        table = self.table(name, row=row, column=column)
        values = table[table["experiment"] > 0].set_index("experiment")[part]
        return values if experiments is None else values.loc[experiments]

    def value(self, name: str, **where: Any) -> float:
        """The only line of a table in which columns have the given values."""
        (line,) = self.table(name, **where).itertuples()
        return line.value

    def by(self, name: str, **where: Any) -> pd.Series:
        """The lines of a table in which columns have the given values, by experiment."""
        return self.table(name, **where).set_index("experiment")["value"]

    def between(self, name: str, digits: int = 0, **where: Any) -> str:
        """The same with its interval, where there are seeds for one: "54 [45, 63]"."""
        (line,) = self.table(name, **where).itertuples()
        return with_interval(line, digits)

    def seeds(self, name: str, experiment: int, row: str, column: str) -> pd.Series:
        """Every seed's number."""
        table = read(self.place / "tables/seeds.csv")
        chosen = (table["table"] == name) & (table["row"] == row) & (table["column"] == column)
        return table[chosen & (table["experiment"].astype(str) == str(experiment))].set_index("seed")["value"]

    def choice(self, column: str, experiments: list[int] | None = None, **changes: Any) -> float:
        """The paper's detector with some of its choices changed (``choices.csv``), mean over experiments."""
        paper = {"self_influence": "kept", "starts": "random", "kept": 1.0, "steps": "doubling", "weight_exponent": 1.0}
        values = self.table("choices", column=column, **(paper | changes)).set_index("experiment")["value"]
        return (values if experiments is None else values.loc[experiments]).mean()

    @property
    def best_choice(self) -> float:
        """The highest mean AUROC over experiments of all combinations of ``choices.csv``."""
        varied = ["self_influence", "starts", "kept", "steps", "weight_exponent"]
        return self.table("choices", column="auroc").groupby(varied)["value"].mean().max()

    def estimated(self, estimators: list[str]) -> pd.DataFrame:
        """AUROC on real masks with some estimators (``compute_full.csv``): a line an experiment and estimator, a column a
        number of models."""
        table = self.table("compute_full", masks="real", column="auroc")
        table = table[table["estimator"].isin(estimators)]
        return table.pivot(index=["experiment", "estimator"], columns="models", values="value")

    def apart(self, column: str, search: str) -> pd.Series:
        """A released rule minus the exact search (``released.csv``), by experiment."""
        return self.by("released", column=column, search=f"released, {search}") - self.by(
            "released", column=column, search="exact"
        )

    @cached_property
    def claims(self) -> pd.DataFrame:
        return pd.read_csv(self.place / "claims.csv").fillna({"row": "", "statistic": ""})

    def claim(self, claim: str, row: str = "", experiment: int | str = "all") -> Any:
        """The line of a claim: of all experiments, or of one."""
        lines = self.claims[(self.claims["claim"] == claim) & (self.claims["experiment"] == str(experiment))]
        lines = lines[lines["row"] == row] if row else lines
        (line,) = lines.itertuples()
        return line

    def claimed(self, claim: str, row: str = "") -> pd.DataFrame:
        """The lines of a claim's experiments, by experiment."""
        lines = self.claims[(self.claims["claim"] == claim) & (self.claims["experiment"] != "all")]
        lines = lines[lines["row"] == row] if row else lines
        return lines.assign(experiment=lines["experiment"].astype(int)).set_index("experiment")

    def verdict(self, claim: str, verdict: str, row: str = "") -> list[int]:
        """The experiments in which a claim has this verdict."""
        lines = self.claimed(claim, row)
        return list(lines.index[lines["verdict"] == verdict])

    @property
    def count(self) -> dict[str, int]:
        """How many statements hold, fail and are open, as the scorecard counts them."""
        found = re.search(r"\| all \| .*? \| (\d+) holds, (\d+) fails, (\d+) not decided", replicated([self.place.name]))
        assert found
        return dict(zip(("hold", "fail", "open"), map(int, found.groups()), strict=True))

    def stopped(self, row: str) -> list[int]:
        """The experiments whose attack succeeds on at most 10 % after a defense, on average."""
        values = self.values("table6", row, "asr")
        return list(values.index[values <= STOPPED])

    def seeds_of(self, name: str) -> int:
        return len(str(self.table(name)["seeds"].iloc[0]).split())

    @property
    def federated(self) -> list[int]:
        """The experiments in which clients of a federation poison."""
        return sorted(set(self.table("clients")["experiment"]) - {0})

    def clients_crossed(self, detector: str, judged: str) -> str:
        """AUROC of the poisoning clients in each of these, judged on other federations: "99 and 98"."""
        return series([f"{self.value('clients', experiment=e, detector=detector, judged=judged):.0f}" for e in self.federated])

    @property
    def config(self) -> dict[str, Any]:
        return load(ROOT / f"config/{self.place.name}.yaml")

    @property
    def enough_models(self) -> int:
        """The fewest models with which ``refined`` on differences in means is within 1.5 points of all of them everywhere."""
        found = self.estimated(["difference"])
        short = (found.iloc[:, -1] - found.T).T.max()
        return int(short.index[short <= 1.5].min())

    @property
    def label_auroc(self) -> pd.Series:
        """AUROC of the label alone, by experiment."""
        return self.values("table4", "paper", "auroc_label_only")

    @property
    def number_of_seeds(self) -> int:
        return int(self.table("table4")["seeds"].max())

    def cost(self, column: str) -> float:
        """A column of the cost, summed."""
        return pd.read_csv(self.place / "cost.csv")[column].sum()

    def most(self, column: str) -> float:
        """The largest of a column of the cost."""
        return pd.read_csv(self.place / "cost.csv")[column].max()

    def section(self, kind: str) -> str:
        """The table of one section of the summary."""
        section = (self.place / "summary.md").read_text(encoding="utf-8").split(f"## {SECTIONS[kind]}\n")[1].split("\n## ")[0]
        return section[section.index("| ") :].strip()

    @property
    def defenses(self) -> str:
        """The table of defenses with one more column, ``scan``, which is made on request: what its rounds remove."""
        head, rule, *lines = self.section("defenses").splitlines()
        success, accuracy = (self.by("scan", row="scan", column=name) for name in ("asr", "clean_accuracy"))
        cells = [line.split(" | ")[2] for line in lines]  # where nobody attacked it removes nothing, and leaves what there is
        for place, line in enumerate(lines):
            if (number := int(line.split("|")[1])) in success:
                cells[place] = f"{success[number]:.1f} / {accuracy[number]:.1f}"
        made = [f"{head} scan |", f"{rule}---|", *(f"{line} {cell} |" for line, cell in zip(lines, cells, strict=True))]
        return "\n".join(made)


def replicated(datasets: list[str]) -> str:
    """The table of claims and verdicts of several configurations."""
    read = {name: Reference(name) for name in datasets}
    verification = {name: pd.read_csv(reference.place / "verification.csv") for name, reference in read.items()}
    return scorecard({name: reference.claims for name, reference in read.items()}, verification)
