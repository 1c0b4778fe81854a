import numpy as np
import pytest

from rethinking_backdoors.evaluation import metrics, retraining


def test_accuracies_of_a_hand_made_model():
    labels = np.array([0, 0, 1, 2])
    clean = np.array([[0, 1, 1, 2], [0, 0, 1, 1]])
    triggered = np.array([[1, 1, 1, 2], [0, 1, 0, 1]])
    measured = retraining.outcome(clean, triggered, labels, {"attack": "dirty_label", "target_class": 1})
    assert measured["clean_accuracy"] == pytest.approx(75.0)
    # Against the true labels, images of the target class included: (2 + 1) of 8.
    assert measured["poisoned_accuracy"] == pytest.approx(37.5)
    # Among the three images of other classes: (2 + 2) of 6.
    assert measured["asr"] == pytest.approx(400 / 6, abs=1e-3)
    assert measured["target_class_accuracy"] == pytest.approx(100.0)


def test_a_model_that_ignores_the_trigger_has_no_asr():
    labels = np.arange(10)
    measured = retraining.outcome(labels[None], labels[None], labels, {"attack": "dirty_label", "target_class": 1})
    assert (measured["asr"], measured["poisoned_accuracy"], measured["clean_accuracy"]) == pytest.approx((0.0, 100.0, 100.0))


def test_a_planted_backdoor_works_until_the_poison_is_removed():
    # Two classes told apart by one pixel; the poison is class 0 relabelled 1 wherever the last pixel is bright.
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    images = rng.integers(0, 40, (400, 2, 2, 1), dtype=np.uint8)
    images[:, 0, 0, 0] = 60 + 180 * labels
    trigger = [[{"rows": [1, 1], "columns": [1, 1], "color": [255]}]]
    poisoned = np.flatnonzero(labels == 0)[:60]
    bad_images, bad_labels = images.copy(), labels.copy()
    bad_images[poisoned, 1, 1], bad_labels[poisoned] = 255, 1
    training = {
        "network": "mlp", "hidden": 16, "epochs": 40, "batch_size": 20, "peak_lr": 0.5, "peak_epoch": 8,
        "momentum": 0.9, "weight_decay": 0.0, "models_at_once": 4,
    }  # fmt: skip
    settings = {
        "attack": {"attack": "dirty_label", "trigger": trigger, "target_class": 1},
        "root": 3,
        "models": 4,
        "training": training,
    }
    removals = {"none": [], "oracle": list(poisoned)}
    measured = retraining.retrain((bad_images, bad_labels), (images, labels), removals, **settings)
    before, after = measured["none"], measured["oracle"]
    assert before["clean_accuracy"] > 95
    assert before["asr"] > 90
    assert after["asr"] < 10
    assert after["clean_accuracy"] > 95


def test_auroc_and_precision_by_hand():
    positive = np.array([True, False, True, False])
    assert metrics.auroc(np.array([4.0, 3.0, 2.0, 1.0]), positive) == pytest.approx(75.0)
    assert metrics.auroc(np.ones(4), positive) == pytest.approx(50.0)
    assert metrics.precision_at_p(positive, np.array([0, 1, 2, 3])) == pytest.approx(50.0)
    assert metrics.precision_at_p(positive, np.array([2, 0, 1, 3])) == pytest.approx(100.0)


def test_how_visible_a_change_is():
    before = np.zeros((2, 2, 2, 1), dtype=np.uint8)
    after = before.copy()
    after[0, 0, 0, 0], after[0, 0, 1, 0], after[1, 1, 1, 0] = 3, 4, 255
    assert metrics.visibility(before, after) == pytest.approx({"l2": (5 + 255) / 2, "changed": 100 * 3 / 8})
