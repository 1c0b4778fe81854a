"""The configuration of a replication: what it may say (``model``), how it is read (``reading``), and what follows from it."""

import statistics
from typing import Any

from rethinking_backdoors.config.reading import canonical, check, load

__all__ = [
    "adversary_network",
    "attack_of",
    "attacked",
    "canonical",
    "check",
    "count_of",
    "defense_of",
    "describe",
    "detectors_of",
    "experiments",
    "first_of",
    "load",
    "suspected",
    "tabled",
    "target_class",
    "training_of",
]


def experiments(config: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The experiments by their number; with a key ``only`` those that it lists."""
    everyone = {experiment["experiment"]: experiment for experiment in config["experiments"]}
    return {number: everyone[number] for number in config.get("only", everyone)}


def first_of(experiments: dict[int, dict[str, Any]], *attacks: str) -> list[int]:
    """The first experiment of each of the attacks that are made in any."""
    numbers = [[number for number, line in experiments.items() if line["attack"] == attack] for attack in attacks]
    return [found[0] for found in numbers if found]


def tabled(config: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The experiments that the tables show: all but that of Figure 2, which has a table of its own."""
    other = config.get("figure2", {}).get("experiment")
    return {number: experiment for number, experiment in experiments(config).items() if number != other}


def attacked(experiments: dict[int, dict[str, Any]]) -> list[int]:
    """The numbers of the experiments in which something is poisoned."""
    return [number for number, experiment in experiments.items() if experiment["attack"] != "none"]


def target_class(config: dict[str, Any], number: int) -> int:
    """The class that an experiment's attacker wants: its own, or else that of all."""
    return experiments(config)[number].get("target_class", config["target_class"])


def count_of(config: dict[str, Any], number: int) -> int:
    """How many models are trained for an experiment: its own number, or else that of all."""
    return experiments(config)[number].get("models", config["models"]["count"])


def detectors_of(config: dict[str, Any], number: int) -> dict[str, dict[str, Any]]:
    """The detectors as an experiment uses them; it may have a number of restarts of its own."""
    own = {key: value for key, value in experiments(config)[number].items() if key == "restarts"}
    return {name: detector | own for name, detector in config["detectors"].items()}


def defense_of(config: dict[str, Any], name: str, number: int) -> dict[str, Any]:
    """A line of ``defenses`` as an experiment uses it: ``share: removed`` is as much as the detectors remove there."""
    line = config["defenses"][name]
    return line | ({"share": experiments(config)[number]["removed"]} if line.get("share") == "removed" else {})


def suspected(config: dict[str, Any], number: int) -> dict[str, int]:
    """What a defense may be told of an experiment, by the names of ``defenses.interface.Oracle``.

    Of a set that nobody poisoned it is told what its user may fear: the same class, and the median count of the experiments.
    """
    other = config.get("figure2", {}).get("experiment")
    counts = [line["poisoned"] for line in config["experiments"] if line["poisoned"] and line["experiment"] != other]
    count = experiments(config)[number]["poisoned"] or int(statistics.median_low(counts or [0]))
    return {"target_class": target_class(config, number), "poisoned": count}


def attack_of(config: dict[str, Any], number: int) -> dict[str, Any]:
    """What an experiment's attack is called with: ``attack``, ``count``, ``trigger``, ``target_class``, ``settings``."""
    experiment = experiments(config)[number]
    return {
        "attack": experiment["attack"],
        **({"settings": experiment["settings"]} if "settings" in experiment else {}),
        "count": experiment["poisoned"],
        "trigger": config["triggers"][experiment["trigger"]],
        "target_class": target_class(config, number),
    }


def training_of(config: dict[str, Any], number: int) -> dict[str, Any]:
    """The section ``training`` as one experiment uses it: where it depends on the attack (Cutout), its attack's value.

    Without an attack it is that of the dirty-label attacks; with an object, which changes no label, the clean-label one.
    """
    attack = experiments(config)[number]["attack"]
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
