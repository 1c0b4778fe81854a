"""The configuration of a replication: checked against its schema, then against itself."""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import yaml

from rethinking_backdoors.errors import InputError

# The number that the experiment of Figure 2 has: its folder is exp20, and no other experiment may have it.
FIGURE2 = 20


def load(path: str | Path) -> dict[str, Any]:
    """Reads a configuration file; raises InputError if there is none or it holds no YAML mapping."""
    try:
        config = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError:
        raise InputError(f"{path} cannot be read: give the path of a configuration such as config/digits.yaml.") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} is no YAML file ({' '.join(str(error).split())}).") from None
    if not isinstance(config, dict):
        raise InputError(f"{path} holds no configuration: compare it with config/digits.yaml.")
    return canonical(config)


def canonical(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with its keys in alphabetical order: their order in the file means nothing and must rerun nothing."""
    return json.loads(json.dumps(config, sort_keys=True))


def check(config: dict[str, Any], schema: str | Path) -> None:
    """Raises InputError, one sentence that names the key, unless ``config`` fits the schema file and makes sense."""
    try:
        import jsonschema
    except ModuleNotFoundError:
        print("jsonschema is not installed here: unknown or misspelt keys of the configuration are not noticed.", file=sys.stderr)
        _check_sense(config)
        return
    try:
        text = Path(schema).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{schema} does not exist: run this from a checkout of the repository (pip install -e .).") from None
    validator = jsonschema.Draft202012Validator(yaml.safe_load(text))
    error = jsonschema.exceptions.best_match(validator.iter_errors(config))
    if error is not None:
        place = ".".join(str(part) for part in error.absolute_path) or "the top level"
        raise InputError(f"The configuration is wrong at {place}: {error.message}.")
    _check_sense(config)


def _check_sense(config: dict[str, Any]) -> None:
    """What a schema cannot say."""
    if config["dataset"] == "reference":
        raise InputError("The configuration is wrong at dataset: reference is where committed results lie; name it otherwise.")
    names = [experiment["experiment"] for experiment in config["experiments"]]
    if len(set(names)) < len(names):
        raise InputError("The configuration is wrong at experiments: two have the same number.")
    if unknown := set(config.get("only", [])) - set(names):
        raise InputError(f"The configuration is wrong at only: there is no experiment {min(unknown)}.")
    for experiment in config["experiments"]:
        place = f"The configuration is wrong at experiment {experiment['experiment']}"
        if experiment["trigger"] not in config["triggers"]:
            raise InputError(f"{place}: its trigger '{experiment['trigger']}' is not among the triggers.")
        if len({experiment["experiment"] == 0, experiment["attack"] == "none", experiment["poisoned"] == 0}) > 1:
            raise InputError(f"{place}: the attack is none and no example is poisoned in experiment 0, and only there.")
        if any(round(100 * alpha) / 100 != alpha for alpha in experiment["alphas"]):
            raise InputError(f"{place}: alphas must be whole percents, given: {experiment['alphas']}.")
    for name, rule in config["rules"].items():
        if max(rule["sizes"]) > config["images"]["train"] // 2:
            raise InputError(f"The configuration is wrong at rules.{name}.sizes: sizes may not exceed half of images.train.")
    if "figure2" in config:
        _check_figure2(config["figure2"], names)
    if "features" in config and not config["images"].get("spare"):
        raise InputError(
            "The configuration is wrong at features: they are fitted on images.spare images, of which there are none."
        )
    if config["models"]["count"] % config["models"]["shard"]:
        raise InputError("The configuration is wrong at models: count must be a multiple of shard.")
    if not config["training"]["peak_epoch"] < config["training"]["epochs"]:
        raise InputError("The configuration is wrong at training: peak_epoch must lie before the last epoch.")


def _check_figure2(figure2: dict[str, Any], names: list[int]) -> None:
    """What a schema cannot say of the section ``figure2``; ``names`` are the experiments' numbers."""
    if FIGURE2 in names:
        raise InputError(f"The configuration is wrong at experiments: number {FIGURE2} is that of the section figure2.")
    if figure2["detected"] not in figure2["counts"]:
        raise InputError("The configuration is wrong at figure2: detected must be one of counts.")
    if any(low > high for low, high in (figure2["object"][name] for name in ("rows", "columns", "size"))):
        raise InputError("The configuration is wrong at figure2.object: ranges go from the lowest to the highest value.")


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
