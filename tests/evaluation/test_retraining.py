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
    found = metrics.visibility(before, after)
    assert (found["l2"], found["changed"]) == pytest.approx(((5 + 255) / 2, 100 * 3 / 8))
    assert found["similarity"] == pytest.approx(100 * metrics.similarity(before, after).mean())


def test_the_structural_similarity_of_flat_images_is_that_of_their_means():
    a, b = np.full((1, 9, 9, 3), 100, dtype=np.uint8), np.full((1, 9, 9, 3), 50, dtype=np.uint8)
    little = (0.01 * 255) ** 2
    assert metrics.similarity(a, b) == pytest.approx([(2 * 100 * 50 + little) / (100**2 + 50**2 + little)])
    assert metrics.similarity(a, a) == pytest.approx([1.0])


def test_the_structural_similarity_window_by_window():
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, (2, 8, 9, 1), dtype=np.uint8) for _ in range(2))
    first, second, windows = (0.01 * 255) ** 2, (0.03 * 255) ** 2, []
    for row in range(2):
        for column in range(3):
            x, y = (one[1, row : row + 7, column : column + 7, 0].astype(float).ravel() for one in (a, b))
            covariance = np.cov(x, y)
            alike = (2 * x.mean() * y.mean() + first) * (2 * covariance[0, 1] + second)
            windows.append(alike / ((x.mean() ** 2 + y.mean() ** 2 + first) * (covariance[0, 0] + covariance[1, 1] + second)))
    assert metrics.similarity(a, b)[1] == pytest.approx(np.mean(windows))


def test_a_record_one_pixel_high_has_a_similarity_too():
    row = np.random.default_rng(0).integers(0, 256, (3, 1, 4, 1), dtype=np.uint8)
    assert metrics.similarity(row, row) == pytest.approx(np.ones(3))


def test_who_loses_accuracy_is_counted_by_other_networks_than_those_that_chose():
    labels = np.array([0] * 10 + [1] * 10)
    predicted = np.tile(labels, (4, 1))
    predicted[::2, :2] = 1  # the choosing networks, 0 and 2, miss the images 0 and 1
    predicted[1, 0] = 1  # of the judging ones one misses one of these, and both miss another image
    predicted[1::2, 15] = 0
    hard = retraining.hardest(predicted[::2] == labels)
    assert hard.tolist() == [0, 1]
    found = retraining.losers(predicted, labels, hard)
    assert found["hardest_tenth_accuracy"] == pytest.approx(75.0)
    assert found["worst_class_accuracy"] == pytest.approx(100 * (1 - 5 / 40), abs=1e-3)  # class 0: 4 + 1 of 40 are missed
    assert retraining.losers(predicted[:1], labels, hard)["hardest_tenth_accuracy"] is None
