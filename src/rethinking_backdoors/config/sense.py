"""What values cannot say of themselves: whether the parts of a configuration make sense together."""

from collections.abc import Iterator
from typing import Any

# Classes of the data sets that are known before anything is read.
CLASSES = {"digits": 10, "cifar10": 10, "fashion_mnist": 10}
# What rows of tables are called that no defense may be.
RESERVED = ("none", "random", "true", "margin_sd", "paper", "refined")


def senseless(config: dict[str, Any]) -> Iterator[str]:
    """Every fault: its place and what is wrong there."""
    if config["dataset"] == "reference":
        yield "dataset: reference is where committed results lie; name it otherwise"
    classes = CLASSES.get(config["images"]["source"])
    if classes and config["target_class"] >= classes:
        yield f"target_class: {_no_class(config['target_class'], classes)}"
    yield from _of_triggers(config)
    yield from _of_experiments(config, classes)
    for name, detector in config["detectors"].items():
        if max(detector["sizes"]) > config["images"]["train"] // 2:
            yield f"detectors.{name}.sizes: sizes may not exceed half of images.train"
    yield from _of_figure2(config, classes)
    if config.get("storage") == "float16" and not config["estimator"].startswith("difference"):
        yield "storage: float16 is for differences in means"
    if config["models"]["count"] % config["models"]["shard"]:
        yield "models: count must be a multiple of shard"
    yield from _of_training(config)
    for name in set(config.get("defenses", {})) & set(RESERVED):
        yield f"defenses.{name}: that is the name of another row of the tables"
    yield from _of_comparisons(config)


def _of_experiments(config: dict[str, Any], classes: int | None) -> Iterator[str]:
    names = [experiment["experiment"] for experiment in config["experiments"]]
    if len(set(names)) < len(names):
        yield "experiments: two have the same number"
    if unknown := set(config.get("only", [])) - set(names):
        yield f"only: there is no experiment {min(unknown)}"
    for experiment in config["experiments"]:
        place = f"experiment {experiment['experiment']}"
        if experiment["trigger"] not in config["triggers"]:
            yield f"{place}: its trigger '{experiment['trigger']}' is not among the triggers"
        elif (experiment["attack"] == "object") != isinstance(config["triggers"][experiment["trigger"]], dict):
            yield f"{place}: the attack object takes an object for its trigger, every other attack rectangles"
        if classes and experiment.get("target_class", 0) >= classes:
            yield f"{place}: {_no_class(experiment['target_class'], classes)}"
        if len({experiment["experiment"] == 0, experiment["attack"] == "none", experiment["poisoned"] == 0}) > 1:
            yield f"{place}: the attack is none and no example is poisoned in experiment 0, and only there"


def _of_training(config: dict[str, Any]) -> Iterator[str]:
    training = config["training"]
    if not training["peak_epoch"] < training["epochs"]:
        yield "training: peak_epoch must lie before the last epoch"
    if "cutout" in training:
        attacks = {line["attack"] for line in config["experiments"]} - {"none", "object"} | {"dirty_label", "clean_label"}
        if missing := attacks - set(training["cutout"]):
            yield f"training.cutout: {min(missing)} is missing"


def _of_comparisons(config: dict[str, Any]) -> Iterator[str]:
    own = {experiment["experiment"]: experiment.get("models", config["models"]["count"]) for experiment in config["experiments"]}
    for name, comparison in config.get("comparisons", {}).items():
        if unknown := set(comparison["experiments"]) - set(own):
            yield f"comparisons.{name}.experiments: there is no experiment {min(unknown)}"
        for number in set(comparison["experiments"]) & set(own):
            if max(comparison.get("models", [0])) > own[number] and own[number] % config["models"]["shard"]:
                where = f"comparisons.{name}.models: experiment {number} has {own[number]}"
                yield f"{where}, more can be trained only where that is a multiple of models.shard"


def _of_triggers(config: dict[str, Any]) -> Iterator[str]:
    for name, trigger in config["triggers"].items():
        if isinstance(trigger, list):
            continue
        if any(low > high for low, high in (trigger[key] for key in ("rows", "columns", "size"))):
            yield f"triggers.{name}: ranges go from the lowest to the highest value"
        for number, part in enumerate(trigger["parts"]):
            place, points = f"triggers.{name}.parts.{number}", len(part["points"])
            if (points < 3) if part["shape"] == "polygon" else (points != 2):
                yield f"{place}.points: a {part['shape']} has {'three or more' if part['shape'] == 'polygon' else 'two'}"
            if (part["shape"] == "line") != ("width" in part):
                yield f"{place}.width: a line has one, and nothing else"


def _of_figure2(config: dict[str, Any], classes: int | None) -> Iterator[str]:
    if "figure2" not in config:
        return
    figure2 = config["figure2"]
    chosen = [line for line in config["experiments"] if line["experiment"] == figure2["experiment"]]
    if not chosen or chosen[0]["attack"] != "object":
        yield f"figure2.experiment: {figure2['experiment']} is no experiment with attack object"
    elif chosen[0]["poisoned"] not in figure2["counts"]:
        yield f"figure2.counts: {chosen[0]['poisoned']}, the poisoned of experiment {figure2['experiment']}, must be among them"
    if classes and figure2["natural"]["target_class"] >= classes:
        yield f"figure2.natural: {_no_class(figure2['natural']['target_class'], classes)}"


def _no_class(given: int, classes: int) -> str:
    return f"no image has class {given}; classes are 0 to {classes - 1}"
