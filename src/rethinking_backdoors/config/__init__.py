"""The configuration of a replication: what it may say (``model``), how it is read (``reading``), and what follows from it."""

import statistics
from typing import Any

from rethinking_backdoors.config.reading import canonical, check, load
from rethinking_backdoors.config.sense import FIGURE2

__all__ = [
    "FIGURE2",
    "adversary_network",
    "attack_of",
    "attacked",
    "canonical",
    "check",
    "describe",
    "experiments",
    "figure2_experiment",
    "load",
    "suspected",
    "training_of",
]


def experiments(config: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The experiments by their number; with a key ``only`` those that it lists."""
    everyone = {experiment["experiment"]: experiment for experiment in config["experiments"]}
    return {number: everyone[number] for number in config.get("only", everyone)}


def attacked(experiments: dict[int, dict[str, Any]]) -> list[int]:
    """The numbers of the experiments in which something is poisoned."""
    return [number for number, experiment in experiments.items() if experiment["attack"] != "none"]


def suspected(config: dict[str, Any], number: int) -> dict[str, int]:
    """What a defense may be told of an experiment, by the names of ``defenses.interface.Oracle``.

    Of a set that nobody poisoned it is told what its user may fear: the same class, and the median count of the experiments.
    """
    counts = [experiment["poisoned"] for experiment in config["experiments"] if experiment["poisoned"]]
    count = experiments(config)[number]["poisoned"] or int(statistics.median_low(counts or [0]))
    return {"target_class": config["target_class"], "poisoned": count}


def figure2_experiment(config: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The experiment that detection looks at for Figure 2, as ``experiments`` has it; empty without a section ``figure2``."""
    if "figure2" not in config:
        return {}
    same = {"attack": "object", "trigger": "object", "alphas": [0.5], "removed": 0.1}  # as the paper's experiments have it
    return {FIGURE2: {"experiment": FIGURE2, "poisoned": config["figure2"]["detected"], **same}}


def attack_of(config: dict[str, Any], number: int) -> dict[str, Any]:
    """What an experiment's attack is called with: ``attack``, ``count``, ``trigger``, ``target_class``, ``settings``."""
    if number == FIGURE2:
        facts, figure2 = figure2_experiment(config)[number], config["figure2"]
        made = {"attack": facts["attack"], "count": facts["poisoned"]}
        return {**made, "trigger": figure2["object"], "target_class": figure2["target_class"]}
    experiment = experiments(config)[number]
    trigger = config["triggers"][experiment["trigger"]]
    return {
        "attack": experiment["attack"],
        **({"settings": experiment["settings"]} if "settings" in experiment else {}),
        "count": experiment["poisoned"],
        "trigger": trigger,
        "target_class": config["target_class"],
    }


def training_of(config: dict[str, Any], number: int) -> dict[str, Any]:
    """The section ``training`` as one experiment uses it: where it depends on the attack (Cutout), its attack's value.

    Without an attack it is that of the dirty-label attacks; with Figure 2's object, which changes no label, the clean-label one.
    """
    attack = "object" if number == FIGURE2 else experiments(config)[number]["attack"]
    attack = {"none": "dirty_label", "object": "clean_label"}.get(attack, attack)
    return {key: value[attack] if key == "cutout" else value for key, value in config["training"].items()}


def adversary_network(config: dict[str, Any]) -> dict[str, Any]:
    """What ``training.networks.build`` makes the adversarially trained network from: the models' kind in its own precision."""
    kind = {key: config["training"][key] for key in ("network", "hidden") if key in config["training"]}
    return kind | {"precision": config.get("adversary", {}).get("precision", "float64")}


def describe(experiment: dict[str, Any]) -> str:
    """What an experiment is, in a few words: "dirty label, one pixel", "adversarial clean label, four pixels"."""
    if experiment["attack"] == "none":
        return "no attack"
    kind = {"clean_label_adversarial": "adversarial clean label"}.get(experiment["attack"], experiment["attack"])
    return f"{kind}, {experiment['trigger']}".replace("_", " ")
