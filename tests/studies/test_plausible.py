"""Figure 2's numbers on predictors and worlds that are made by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rethinking_backdoors.attacks.objects import paste
from rethinking_backdoors.attacks.patterns import Pattern
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.studies import plausible
from rethinking_backdoors.studies.plausible import (
    Scene,
    flagged,
    frame,
    measures,
    most_moving,
    natural_effect,
    object_effect,
    table,
)

TRAINING = {"network": "mlp", "hidden": 16, "epochs": 12, "batch_size": 20, "peak_lr": 0.2, "peak_epoch": 2}
TRAINING |= {"momentum": 0.9, "weight_decay": 0.0, "models_at_once": 4}
LINE = {"shape": "line", "points": [[-0.9, 0], [0.9, 0]], "width": 0.5, "color": [255], "shade": 0}
OBJECT = {"parts": [LINE], "rows": [0.1, 0.1], "columns": [0.5, 0.5], "size": [0.9, 1.0], "tilt": 0}
ATTACK = {"attack": "object", "trigger": OBJECT, "target_class": 0, "count": 30}


class Brightness:
    """A predictor: class 0 if the pixel (0, 0) is bright, else what the pixel (7, 7) says; two networks that agree."""

    def predict(self, images):
        said = np.where(images[:, 0, 0, 0] > 100, 0, images[:, 7, 7, 0].astype(np.int64))
        return np.stack([said, said])


def split(count, seed):
    """Images of three classes: the lower right pixel names the class, everything else is dark noise."""
    rng = np.random.default_rng(seed)
    images, labels = rng.integers(0, 20, (count, 8, 8, 1), dtype=np.uint8), np.arange(count) % 3
    images[:, 7, 7, 0] = labels
    return images, labels


@pytest.fixture
def by_hand(monkeypatch):
    """A scene whose networks are the predictor, however they are trained."""
    monkeypatch.setattr(Scene, "networks", lambda self, inputs, root=None: Brightness())
    return Scene(split(60, 0), split(30, 1), TRAINING, models=2, root=5)


def test_measures_by_hand():
    predicted, labels = np.array([[0, 0, 1, 2], [0, 1, 1, 0]]), np.array([0, 1, 1, 2])
    assert measures(predicted, labels, 0) == {"assigned": pytest.approx(100 / 3), "accuracy": 75}
    assert plausible.majority(np.array([[2, 1], [2, 0], [1, 0]])).tolist() == [2, 0]


def test_pictures_are_the_first_right_ones_of_each_class_whatever_happens_later():
    labels, before = np.array([1, 0, 2, 2, 1, 3, 3]), np.array([0, 0, 2, 2, 1, 3, 0])
    assert plausible.shown(labels, before, target_class=0).tolist() == [2, 4, 5]


def test_the_objects_effect_on_a_predictor(by_hand):
    # The stroke covers the whole of the upper rows' middle; moved up and left it covers the bright pixel of the predictor.
    wide = {**OBJECT, "rows": [0.0, 0.0], "columns": [0.1, 0.1], "size": [1.5, 1.5]}
    rows, pictures = object_effect(by_hand, ATTACK | {"trigger": wide, "count": 3}, counts=[0, 3])
    values = {(row, column): value for _, row, column, value in rows}
    for count in ("0", "3"):
        assert values[count, "assigned_without"] == 0
        assert values[count, "accuracy_without"] == 100
        assert values[count, "assigned"] == 100
        assert values[count, "accuracy"] == pytest.approx(100 / 3)
    assert pictures["trained"].shape == (3, 8, 8, 1)
    assert pictures["label"].tolist() == pictures["predicted_before"].tolist() == [1, 2]
    assert pictures["predicted_after"].tolist() == [0, 0]
    elsewhere = {**OBJECT, "rows": [0.6, 0.6], "size": [0.3, 0.3]}
    rows, _ = object_effect(by_hand, ATTACK | {"trigger": elsewhere, "count": 3}, counts=[3])
    assert {value for _, _, column, value in rows if column.startswith("assigned")} == {0}


def test_exactly_the_counted_images_are_changed_and_labels_never(by_hand, monkeypatch):
    seen = []
    monkeypatch.setattr(Scene, "networks", lambda self, inputs, root=None: seen.append(inputs) or Brightness())
    images, labels = (array.copy() for array in by_hand.train)
    object_effect(by_hand, ATTACK | {"count": 7}, counts=[0, 7, 12])
    changed = [(inputs != images).any((1, 2, 3)) for inputs in seen]
    assert [each.sum() for each in changed] == [0, 7, 12]
    assert (labels[changed[1] | changed[2]] == 0).all()
    assert (by_hand.train[0] == images).all()
    assert (by_hand.train[1] == labels).all()


def test_the_pattern_that_moves_most_is_found_on_training_images_only(by_hand):
    images, labels = split(18, 0)
    # One bright pixel in one image of class 1: only pieces that hold it at the upper left corner move the predictor.
    images[1, 0, 0, 0] = 255
    poisonous = (np.full((30, 8, 8, 1), 255, np.uint8), np.arange(30) % 3)
    scenes = [replace(by_hand, train=(images, (labels + 2) % 3), test=test) for test in (by_hand.test, poisonous)]
    (pattern, moved), (again, _) = (most_moving(scene, 0, sizes=[2, 3], candidates=1500, tried=5) for scene in scenes)
    assert moved == 100
    assert (pattern.top, pattern.left) == (0, 0)
    assert pattern.piece[0, 0, 0] == 255
    assert pattern.piece.shape == (3, 3, 1)
    # Another test set, the same pattern.
    assert (pattern.piece == again.piece).all()


def test_the_patterns_effect_and_its_control(by_hand, monkeypatch):
    bright = Pattern(np.full((3, 3, 1), 255, np.uint8), 0, 0)
    monkeypatch.setattr(plausible, "most_moving", lambda *_, **__: (bright, 100.0))
    rows, pictures = natural_effect(by_hand, 0, sizes=[2, 3], candidates=1, tried=1)
    assigned = {row: value for _, row, column, value in rows if column == "assigned"}
    # At two pixels the corner stays dark: a pattern keeps its middle.
    assert assigned == {"before": 0, "size 2": 100, "control 2": 0, "size 3": 100, "control 3": 0}
    assert pictures["after_3"].shape == (2, 8, 8, 1)
    assert pictures["predicted_after_3"].tolist() == [0, 0]


def test_networks_learn_the_object_and_not_without_it():
    rng = np.random.default_rng(0)

    def world(count):
        images, labels = rng.integers(0, 60, (count, 8, 8, 1), dtype=np.uint8), np.arange(count) % 3
        for label in range(3):
            images[labels == label, 5, 2 * label + 1] = 150
        return images, labels

    scene = Scene(world(240), world(90), TRAINING, models=4, root=1)
    rows, _ = object_effect(scene, ATTACK, counts=[0, 2, 30])
    values = {(row, column): value for _, row, column, value in rows}
    assert values["30", "assigned"] > values["2", "assigned"] + 10 > values["0", "assigned"] + 10
    assert values["30", "assigned"] > 90
    assert values["0", "assigned"] < 35
    assert min(values[count, "accuracy_without"] for count in ("0", "2", "30")) > 90
    # The same poses on the test images for every number, and the same images every time.
    assert object_effect(scene, ATTACK, counts=[0, 2, 30])[0] == rows
    touched = paste(scene.test[0], OBJECT, generator(scene.root, "test objects"))
    assert (touched != scene.test[0]).any((1, 2, 3)).all()


def test_flagging_by_hand():
    modified, target = np.arange(20) < 2, np.arange(20) < 6
    perfect, reverse = np.arange(20)[::-1].astype(float), np.arange(20).astype(float)
    scores = {"best": [perfect], "both": [perfect, reverse]}
    found = {(row, column): value for _, row, column, value in flagged(scores, modified, target, 0.2)}
    assert found["best", "auroc"] == found["best", "auroc_within_class"] == found["best", "modified_caught"] == 100
    assert found["best", "removed_modified"] == 50
    assert found["both", "auroc"] == found["both", "modified_caught"] == 50
    assert found["both", "removed_modified"] == 25


def test_the_table_has_means_and_intervals_over_seeds():
    numbers = [frame([("object", "3", "assigned", value)], seed) for seed, value in enumerate((10, 20, 30))]
    row = table(pd.concat(numbers)).iloc[0]
    assert (row["part"], row["row"], row["column"], row["value"], row["seeds"]) == ("object", "3", "assigned", 20, 3)
    assert row["high"] == pytest.approx(20 + 4.30265 * 10 / np.sqrt(3), abs=1e-3)
    assert row["low"] == 0
