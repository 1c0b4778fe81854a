"""What values cannot say of themselves: whether the parts of a configuration make sense together."""

from collections.abc import Iterator
from typing import Any

# The number that the experiment of Figure 2 has: its folder is exp20, and no other experiment may have it.
FIGURE2 = 20
# Classes of the data sets that are known before anything is read.
CLASSES = {"digits": 10, "cifar10": 10}
# What rows of tables are called that no defense may be.
RESERVED = ("none", "ours", "refined")


def senseless(config: dict[str, Any]) -> Iterator[str]:
    """Every fault: its place and what is wrong there."""
    if config["dataset"] == "reference":
        yield "dataset: reference is where committed results lie; name it otherwise"
    classes = CLASSES.get(config["images"]["source"])
    if classes and config["target_class"] >= classes:
        yield f"target_class: no image has class {config['target_class']}; classes are 0 to {classes - 1}"
    yield from _of_experiments(config)
    for name, rule in config["rules"].items():
        if max(rule["sizes"]) > config["images"]["train"] // 2:
            yield f"rules.{name}.sizes: sizes may not exceed half of images.train"
    yield from _of_figure2(config, classes)
    if "features" in config and not config["images"].get("spare"):
        yield "features: they are fitted on images.spare images, of which there are none"
    if config["models"]["count"] % config["models"]["shard"]:
        yield "models: count must be a multiple of shard"
    yield from _of_training(config)
    for name in set(config.get("defenses", {})) & set(RESERVED):
        yield f"defenses.{name}: that is the name of another row of the tables"
    yield from _of_comparisons(config)


def _of_experiments(config: dict[str, Any]) -> Iterator[str]:
    names = [experiment["experiment"] for experiment in config["experiments"]]
    if len(set(names)) < len(names):
        yield "experiments: two have the same number"
    if unknown := set(config.get("only", [])) - set(names):
        yield f"only: there is no experiment {min(unknown)}"
    for experiment in config["experiments"]:
        place = f"experiment {experiment['experiment']}"
        if experiment["trigger"] not in config["triggers"]:
            yield f"{place}: its trigger '{experiment['trigger']}' is not among the triggers"
        if len({experiment["experiment"] == 0, experiment["attack"] == "none", experiment["poisoned"] == 0}) > 1:
            yield f"{place}: the attack is none and no example is poisoned in experiment 0, and only there"


def _of_training(config: dict[str, Any]) -> Iterator[str]:
    training = config["training"]
    if not training["peak_epoch"] < training["epochs"]:
        yield "training: peak_epoch must lie before the last epoch"
    if "cutout" in training:
        attacks = {line["attack"] for line in config["experiments"]} - {"none"} | {"dirty_label", "clean_label"}
        if missing := attacks - set(training["cutout"]):
            yield f"training.cutout: {min(missing)} is missing"


def _of_comparisons(config: dict[str, Any]) -> Iterator[str]:
    known = {experiment["experiment"] for experiment in config["experiments"]}
    for name, comparison in config.get("comparisons", {}).items():
        if unknown := set(comparison["experiments"]) - known:
            yield f"comparisons.{name}.experiments: there is no experiment {min(unknown)}"
        if max(comparison.get("models", [0])) > config["models"]["count"]:
            yield f"comparisons.{name}.models: there are {config['models']['count']} models, by models.count"


def _of_figure2(config: dict[str, Any], classes: int | None) -> Iterator[str]:
    if "figure2" not in config:
        return
    figure2 = config["figure2"]
    if FIGURE2 in [experiment["experiment"] for experiment in config["experiments"]]:
        yield f"experiments: number {FIGURE2} is that of the section figure2"
    if figure2["detected"] not in figure2["counts"]:
        yield "figure2: detected must be one of counts"
    if any(low > high for low, high in (figure2["object"][name] for name in ("rows", "columns", "size"))):
        yield "figure2.object: ranges go from the lowest to the highest value"
    for number, part in enumerate(figure2["object"]["parts"]):
        place, points = f"figure2.object.parts.{number}", len(part["points"])
        if (points < 3) if part["shape"] == "polygon" else (points != 2):
            yield f"{place}.points: a {part['shape']} has {'three or more' if part['shape'] == 'polygon' else 'two'}"
        if (part["shape"] == "line") != ("width" in part):
            yield f"{place}.width: a line has one, and nothing else"
    for place in (figure2, figure2["natural"]):
        if classes and place["target_class"] >= classes:
            yield f"figure2: no image has class {place['target_class']}; classes are 0 to {classes - 1}"
