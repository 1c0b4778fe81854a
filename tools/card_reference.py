"""What came back from a GPU (results/reference/cifar10), as docs/templates/gpu.md asks for it."""

import re

import pandas as pd
from references import ROOT, read

from rethinking_backdoors.data.cifar10 import NAMES

PLACE = ROOT / "results/reference/cifar10"


class Card:
    """Networks, parts of the data, other target classes and rates, margins, and what the check printed."""

    def __init__(self):
        self.pieces = read(PLACE / "pieces.csv").set_index("piece")
        self.check = (PLACE / "check.txt").read_text(encoding="utf-8")
        self.margins = read(PLACE / "margins.csv").iloc[0]
        numbers = read(PLACE / "verification.csv")
        keys = ["experiment", "column"]
        self.numbers = numbers[numbers["row"] == "none"].drop_duplicates(keys).set_index(keys)
        self.far = self.numbers["tolerance"][8, "asr"]  # points of attack success, and of accuracy with the trigger
        self.classes = NAMES

    def network(self, experiment: int, **changed: float) -> pd.Series:
        """One network on the whole set, as configured or with one key changed."""
        name = "".join(f" with {key} {value}" for key, value in changed.items())
        return self.pieces.loc[f"deployed {experiment}{name}"]

    def target(self, experiment: int, target: int) -> pd.Series:
        """One network with another target class; as configured it is 1."""
        return self.network(experiment) if target == 1 else self.network(experiment, target_class=target)

    def printed(self, experiment: int, column: str) -> float:
        """What the paper prints of an undefended network: Table 1, its attack success from Table 6."""
        return self.numbers["published"][experiment, column]

    def cells(self, experiment: int) -> str:
        """Table 1's line: published and measured of three columns, bold where they lie far apart."""
        made = []
        for column in ("clean_accuracy", "poisoned_accuracy", "asr"):
            published, measured = self.printed(experiment, column), self.network(experiment)[column]
            said = f"{measured:.2f}"
            made += [f"{published:.2f}", f"**{said}**" if abs(measured - published) > self.far else said]
        return " | ".join(made)

    @property
    def above(self) -> pd.Series:
        """Clean accuracy minus the paper's."""
        return pd.Series({e: self.network(e)["clean_accuracy"] - self.printed(e, "clean_accuracy") for e in range(1, 9)})

    def tried(self, experiment: int, target: int) -> bool:
        """Was the experiment trained with this target class?"""
        return target == 1 or f"deployed {experiment} with target_class {target}" in self.pieces.index

    def rates(self, experiment: int) -> pd.DataFrame:
        """Networks with other peaks of the learning rate."""
        return self.pieces[self.pieces.index.str.startswith(f"deployed {experiment} with peak_lr")]

    def near(self, experiment: int, target: int) -> bool:
        """Are attack success and accuracy with the trigger within tolerance of what is printed?"""
        found = self.target(experiment, target)
        return all(abs(found[column] - self.printed(experiment, column)) <= self.far for column in ("asr", "poisoned_accuracy"))

    def near_names(self, experiment: int) -> list[str]:
        """The target classes with which an experiment comes out as printed, of those that were tried."""
        near = [target for target in range(10) if self.tried(experiment, target) and self.near(experiment, target)]
        return [NAMES[target] for target in near]

    def part(self, experiment: int, percent: int) -> str:
        """Attack success of a network on a part of the data, or nothing."""
        name = f"learnt {experiment} at {percent} %"
        return f"{self.pieces['asr'][name]:.1f}" if name in self.pieces.index else ""

    def parts(self, percent: int) -> pd.Series:
        """Clean accuracies of the networks on such a part."""
        return self.pieces["clean_accuracy"][self.pieces.index.str.endswith(f" at {percent} %")]

    def whole(self) -> pd.Series:
        """Clean accuracies of the networks on the whole sets."""
        return pd.Series([self.network(experiment)["clean_accuracy"] for experiment in range(1, 9)])

    def said(self, before: str) -> str:
        """The number that the check printed after some words."""
        (found,) = re.findall(re.escape(before) + r"([\d.e+-]+)", self.check)
        return found.rstrip(".")

    def seconds(self, kind: str) -> float:
        """A model, trained and with its margins: ``engine``, ``engine, not compiled`` or ``plain loop (...)``."""
        return float(self.said(f"{kind}: "))

    @property
    def kernels(self) -> float:
        """Milliseconds of a step in convolutions."""
        found = re.findall(r"^ +([\d.]+) ms +\d+ x +(\S+)", self.check, re.MULTILINE)
        return sum(float(ms) for ms, name in found if re.search("fprop|dgrad|wgrad|cutlass|nchw", name))

    @property
    def plain(self) -> float:
        """Seconds a model of a plain loop."""
        return float(self.said("plain loop (plain DataLoader, no ffcv here): "))

    @property
    def shard(self) -> float:
        """Seconds a model in whole shards, the first one, which compiles, left out."""
        shards = self.pieces[self.pieces.index.str.startswith("margins ")].iloc[1:]
        return (shards["seconds"] / shards["models"]).mean()

    @property
    def errors(self) -> list[tuple[str, str]]:
        """Of a step and of the logits after it, against float64: float32, then bfloat16."""
        return re.findall(r"error against float64: of the step (\S+) .*?of logits (\S+) ", self.check)

    @property
    def compiling(self) -> float:
        return float(self.said("bf16, compiled, graph: first step after "))

    def days(self, cards: int) -> float:
        """What the paper's 900,000 models take so many cards."""
        return 900_000 * self.seconds("engine") / 86400 / cards
