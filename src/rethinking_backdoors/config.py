"""The configuration of a replication: checked against its schema, then against itself."""

from pathlib import Path
from typing import Any

import yaml

from rethinking_backdoors.io import InputError


def check(config: dict[str, Any], schema: str | Path) -> None:
    """Raises InputError, one sentence that names the key, unless ``config`` fits the schema file and makes sense."""
    import jsonschema

    validator = jsonschema.Draft202012Validator(yaml.safe_load(Path(schema).read_text(encoding="utf-8")))
    error = jsonschema.exceptions.best_match(validator.iter_errors(config))
    if error is not None:
        place = ".".join(str(part) for part in error.absolute_path) or "the top level"
        raise InputError(f"The configuration is wrong at {place}: {error.message}.")
    _check_sense(config)


def _check_sense(config: dict[str, Any]) -> None:
    """What a schema cannot say."""
    names = [experiment["experiment"] for experiment in config["experiments"]]
    if len(set(names)) < len(names):
        raise InputError("The configuration is wrong at experiments: two have the same number.")
    for experiment in config["experiments"]:
        place = f"The configuration is wrong at experiment {experiment['experiment']}"
        if experiment["trigger"] not in config["triggers"]:
            raise InputError(f"{place}: its trigger '{experiment['trigger']}' is not among the triggers.")
        if experiment["attack"] == "clean_label_adversarial" and "adversary" not in config:
            raise InputError(f"{place}: its attack needs a section 'adversary'.")
        if any(round(100 * alpha) != 100 * alpha for alpha in experiment["alphas"]):
            raise InputError(f"{place}: alphas must be whole percents, given: {experiment['alphas']}.")
    for name, rule in config["rules"].items():
        if max(rule["sizes"]) > config["images"]["train"] // 2:
            raise InputError(f"The configuration is wrong at rules.{name}.sizes: sizes may not exceed half of images.train.")
    if config["models"]["count"] % config["models"]["shard"]:
        raise InputError("The configuration is wrong at models: count must be a multiple of shard.")
    if not config["training"]["peak_epoch"] < config["training"]["epochs"]:
        raise InputError("The configuration is wrong at training: peak_epoch must lie before the last epoch.")


def experiments(config: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The experiments by their number."""
    return {experiment["experiment"]: experiment for experiment in config["experiments"]}


def describe(experiment: dict[str, Any]) -> str:
    """What an experiment is, in a few words: "dirty label, one pixel", "adversarial clean label, four pixels"."""
    kind = {"clean_label_adversarial": "adversarial clean label"}.get(experiment["attack"], experiment["attack"])
    return f"{kind}, {experiment['trigger']}".replace("_", " ")
