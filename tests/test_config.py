import copy
import json
from pathlib import Path

import pytest
import yaml

from rethinking_backdoors.config import attacked, canonical, check, experiments, load, reading, suspected, tabled, training_of
from rethinking_backdoors.errors import InputError

ROOT = Path(__file__).parents[1]
DIGITS, CIFAR10 = (yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()) for name in ("digits", "cifar10"))


def changed(*path_and_value, base=DIGITS):
    config = copy.deepcopy(base)
    *path, last, value = path_and_value
    place = config
    for key in path:
        place = place[key]
    place[last] = value
    return config


@pytest.mark.parametrize("config", [DIGITS, CIFAR10], ids=["digits", "cifar10"])
def test_a_shipped_configuration_is_valid(config):
    check(config)
    assert list(tabled(config)) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert list(experiments(config))[9:] == [20]
    assert attacked(tabled(config)) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert list(experiments(changed("only", [5, 2], base=config))) == [5, 2]


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (changed("learning_rate", 0.1), "learning_rate"),
        (changed("training", "epochz", 3), "training"),
        (changed("models", "count", 0), "models.count"),
        (changed("models", "shard", 3000), "models"),
        (changed("seeds", []), "seeds"),
        (changed("experiments", 0, "trigger", "square"), "square"),
        (changed("experiments", 0, "alphas", [0.333]), "whole percents"),
        (changed("experiments", 1, "experiment", 2), "same number"),
        (changed("experiments", 1, "poisoned", 0), "experiment 1: the attack is none"),
        (changed("experiments", 0, "poisoned", 5), "experiment 0: the attack is none"),
        (changed("defenses", "ss", "oracle", ["trigger"]), "defenses.ss.oracle"),
        (changed("defenses", "paper", {"method": "spectre", "oracle": []}), "paper"),
        (changed("detectors", "paper", "sizes", [10, 800]), "detectors.paper.sizes"),
        (changed("training", "peak_epoch", 10), "peak_epoch"),
        (changed("loader", "webdataset"), "loader"),
        (changed("kernels", "avx2"), "kernels"),
        (changed("adversary", "precision", "fp8"), "adversary.precision"),
        (changed("dataset", "reference"), "name it otherwise"),
        (changed("only", [1, 9]), "no experiment 9"),
        (changed("comparisons", "compute", "estimators", ["median"]), "median"),
        (changed("training", "network", "vgg"), "training.network"),
        (changed("training", "cutout", 4), "cutout"),
        (changed("training", "hidden", 32, base=CIFAR10), "hidden"),
        (changed("training", "precision", "fp8", base=CIFAR10), "training.precision"),
        (changed("training", "cutout", "dirty_label", -1, base=CIFAR10), "training.cutout.dirty_label"),
        (changed("training", "cutout", {"dirty_label": 4}, base=CIFAR10), "clean_label"),
        (changed("training", {"epochs": 24}, base=CIFAR10), "training: network is missing"),
        (changed("images", "source", "mnist"), "images.source"),
        (changed("images", "folder", "data"), "folder"),
        (changed("images", "train", 50001, base=CIFAR10), "images.train"),
        (changed("images", "spare", -1, base=CIFAR10), "images.spare"),
        (changed("images", {"source": "cifar10", "train": 50000}, base=CIFAR10), "images: test is missing"),
    ],
)
def test_a_wrong_value_is_named_in_one_sentence(config, named):
    with pytest.raises(InputError) as error:
        check(config)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


def test_every_whole_percent_is_a_subset_fraction():
    """In floating point 100 times 0.07, 0.28 or 0.58 is no whole number."""
    for percent in range(1, 100):
        check(changed("experiments", 0, "alphas", [float(f"0.{percent:02d}")]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("models", "count", 4000.5), "models.count: it should be a valid integer; given: 4000.5"),
        (("training", "peak_lr", float("nan")), "training.peak_lr: it should be a finite number; given: nan"),
        (("training", "peak_lr", float("inf")), "training.peak_lr: it should be a finite number"),
        (("training", "peak_lr", True), "training.peak_lr: it should be a number, not true or false"),
        (("training", "peak_lr", "fast"), "training.peak_lr: it should be a number; given: fast"),
        (("target_class", 99), "target_class: no image has class 99; classes are 0 to 9"),
        (("seeds", [1, 1]), "seeds: one stands there twice"),
        (("dataset", "tiny\n"), "dataset"),
        (("comparisons", "compute", "experiments", [12]), "comparisons.compute.experiments: there is no experiment 12"),
        (
            ("experiments", 2, "models", 3000),
            "experiment 2 has 3000, more can be trained only where that is a multiple of models.shard",
        ),
        (("triggers", "stroke", "parts", 0, "width", None), "triggers.stroke.parts.0"),
        (("triggers", "<script>", DIGITS["triggers"]["one_pixel"]), "triggers.<script>"),
        (("triggers", "$(touch here)", DIGITS["triggers"]["one_pixel"]), "triggers.$(touch here)"),
    ],
)
def test_what_looks_right_and_is_not(change, says):
    with pytest.raises(InputError) as error:
        check(changed(*change))
    assert says in str(error.value)


def test_numbers_become_what_they_mean_and_nothing_else_changes():
    given = changed("models", "count", 4000.0)
    given["training"]["weight_decay"] = "5.0e-4"
    assert repr(check(given)) == repr(canonical(DIGITS))
    for config in (DIGITS, CIFAR10):
        assert repr(check(config)) == repr(canonical(config))


def test_a_key_that_stands_twice_is_named(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("dataset: a\nestimator: ridge\nestimator: lasso\n")
    with pytest.raises(InputError, match="the key estimator stands there twice, the second time in line 3"):
        load(path)


def test_the_schema_for_editors_is_that_of_the_model():
    from rethinking_backdoors.config.model import Configuration

    committed = json.loads((ROOT / "config/config.schema.json").read_text())
    # python -m rethinking_backdoors.config.model > config/config.schema.json
    assert committed == Configuration.model_json_schema()


def test_what_a_defense_may_be_told():
    assert suspected(DIGITS, 2) == {"target_class": 8, "poisoned": 150}
    # Without an attack: the lower median of 22, 22, 30, 45, 45, 75, 90, 150.
    assert suspected(DIGITS, 0) == {"target_class": 8, "poisoned": 45}


def test_without_an_attack_networks_are_trained_as_for_dirty_labels():
    assert training_of(CIFAR10, 0) == training_of(CIFAR10, 1)
    assert training_of(CIFAR10, 0)["cutout"] != training_of(CIFAR10, 5)["cutout"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (changed("figure2", "counts", [7]), "figure2.counts"),
        (changed("triggers", "stroke", "size", [0.5, 0.4]), "triggers.stroke"),
        (changed("triggers", "stroke", "parts", 0, "shape", "star"), "triggers.stroke.parts.0"),
        (changed("triggers", "stroke", "parts", 0, "points", [[0, 0], [1, 2]]), "triggers.stroke.parts.0.points.1.1"),
        (changed("figure2", "natural", "sizes", [3]), "figure2.natural.sizes"),
        (changed("figure2", "experiment", 3), "figure2.experiment: 3 is no experiment with attack object"),
        (changed("experiments", 9, "trigger", "one_pixel"), "the attack object takes an object for its trigger"),
        (changed("experiments", 1, "target_class", 10), "experiment 1: no image has class 10"),
    ],
)
def test_a_wrong_value_of_figure_2_is_named(change, named):
    with pytest.raises(InputError) as error:
        check(change)
    assert named in str(error.value)


def test_the_package_brings_its_configurations_by_name():
    for name in reading.NAMES:
        assert load(name) == load(ROOT / f"config/{name}.yaml")
    with pytest.raises(InputError, match="digits, cifar10_mini"):
        load("digit")
