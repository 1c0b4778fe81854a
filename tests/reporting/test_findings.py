"""Sentences say what stands in the tables and arrays: planted numbers, written out by hand."""

import numpy as np
import pandas as pd
import pytest

from rethinking_backdoors.reporting import findings
from rethinking_backdoors.reporting.figures import figure2, figure3, figure5, figure6, figure7, figure8, figure9
from rethinking_backdoors.reporting.words import experiments


def long(*lines):
    return pd.DataFrame(
        [(e, row, column, value, value - 1, value + 1, 3) for e, row, column, value in lines],
        columns=["experiment", "row", "column", "value", "low", "high", "seeds"],
    )


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([], "no experiment"),
        ([3], "experiment 3"),
        ([5, 1], "experiments 1 and 5"),
        ([1, 2, 7], "experiments 1, 2 and 7"),
        ([7, 5, 3, 2, 1], "every experiment"),
    ],
)
def test_experiments_are_named(numbers, said):
    assert experiments(numbers, [1, 2, 3, 5, 7]) == said


def test_one_experiment_is_not_every_experiment():
    assert experiments([5], [5]) == "experiment 5"


def test_success_is_told_apart_by_the_threshold():
    table = long((1, "none", "asr", 90.0), (2, "none", "asr", 70.5), (1, "paper", "asr", 10.0), (2, "paper", "asr", 10.04))
    assert findings.said("table6", {"table6": table}) == (
        "Without a defense the attacks succeed on 70.5 (experiment 2) to 90.0 (experiment 1) % of the images. "
        "``paper`` stops experiment 1 (success at most 10 %); the highest success is 10.0 % (experiment 2)."
    )


def test_restored_accuracy_and_its_cost():
    rows = [("none", 97.0, 20.0), ("paper", 96.0, 95.5), ("ac", 97.5, 30.0)]
    lines = [
        (1, row, f"{kind}_accuracy", value)
        for row, *pair in rows
        for kind, value in zip(("clean", "poisoned"), pair, strict=True)
    ]
    said = findings.said("table3", {"table3": long(*lines)})
    assert said == (
        "``paper`` brings poisoned accuracy to within 1 point of clean accuracy in experiment 1; the largest gap is 0.5 points "
        "(experiment 1). Clean accuracy falls by 1.0 points on average and by 1.0 at most (experiment 1). "
        "``ac`` brings poisoned accuracy to within 1 point of clean accuracy in no experiment; the largest gap is 67.5 points "
        "(experiment 1). Clean accuracy falls by -0.5 points on average and by -0.5 at most (experiment 1)."
    )


def test_scores_are_held_against_their_control():
    # Above the control in 1 and 2; in 2 the intervals, one point to either side, touch.
    scores, controls = {1: 99.0, 2: 95.5, 3: 80.0}, {1: 85.0, 2: 94.0, 3: 90.0}
    lines = [(e, "paper", "auroc_scores", value) for e, value in scores.items()]
    lines += [(e, "paper", "crossfit_auroc", value) for e, value in scores.items()]
    lines += [(e, "paper", "permuted_mean_auroc", value) for e, value in controls.items()]
    assert findings.said("table4", {"table4": long(*lines, (1, "ac", "auroc_scores", 50.0))}) == (
        "``paper`` has an AUROC of 80.0 (experiment 3) to 99.0 (experiment 1). Cross-fitted it has 80.0 (experiment 3) to 99.0 "
        "(experiment 1), on permuted masks 85.0 (experiment 1) to 94.0 (experiment 2); the first lies above the second in "
        "experiments 1 and 2, with intervals that do not touch in experiment 1. ``ac`` has an AUROC of 50.0."
    )


def test_attacks_oracle_and_removals():
    one = long(
        *(
            (e, "none", f"{kind}_accuracy", v)
            for e, a, b in ((1, 97.0, 20.0), (2, 96.0, 60.0))
            for kind, v in (("clean", a), ("poisoned", b))
        )
    )
    assert findings.said("table1", {"table1": one}) == (
        "Clean accuracy is 96.0 (experiment 2) to 97.0 (experiment 1) %. With the trigger it is 20.0 (experiment 1) to 60.0 "
        "(experiment 2) %, so that the attacks take away 36.0 (experiment 2) to 77.0 (experiment 1) points."
    )
    two = long((2, "oracle", "auroc", 60.9), (2, "oracle", "auroc_without_self", 58.0), (2, "oracle", "auroc_alpha30", 99.3))
    assert findings.said("table2", {"table2": two}) == (
        "The AUROC is 60.9, without self-influence 58.0. Experiment 2 has 99.3 with subsets of 30 % and 60.9 with those of its "
        "first fraction."
    )
    counts = {"none": (0, 20, 94.0), "paper": (19, 1, 90.0)}
    names = ("poison_removed", "poison_left", "target_class_accuracy")
    lines = [(1, row, name, value) for row, of in counts.items() for name, value in zip(names, of, strict=True)]
    lines += [(0, "paper", "removed", 150.0)]
    clean = long((0, "none", "clean_accuracy", 96.9), (0, "paper", "clean_accuracy", 95.7))
    assert findings.said("defenses", {"defenses": long(*lines), "table3": clean}) == (
        "``paper`` leaves at most one poisoned example on average in experiment 1, and most of the poison in no experiment. "
        "The target class loses 4.0 points of accuracy at most (experiment 1). "
        "Without an attack it removes 150 examples, for 1.2 points of clean accuracy."
    )
    table = long((1, "ac", "removed", 10), (1, "ss", "auroc_within_target", 60.0), (2, "ss", "auroc_within_target", 80.0))
    assert findings.said("figure11", {"defenses": table}) == (
        "``ss`` has an AUROC within the target class of 60.0 (experiment 1) to 80.0 (experiment 2), on average 70.0."
    )


def test_compute_cost_and_verdicts():
    aurocs = [(1000, 90.0, 80.0), (2000, 97.2, 81.0), (4000, 98.0, 82.0)]
    lines = [
        (7, "ridge", models, masks, "auroc", value)
        for models, *pair in aurocs
        for masks, value in zip(("real", "permuted"), pair, strict=True)
    ]
    table = pd.DataFrame(lines, columns=["experiment", "estimator", "models", "masks", "column", "value"])
    said = "``ridge`` reaches an AUROC of 98.0 in experiment 7 (control 82.0; within a point of it from 2,000 models on)."
    assert findings.said("compute", {"compute": table}) == findings.said("figure10", {"compute": table}) == said
    cost = pd.DataFrame(
        {"rule": ["train", "detect"], "jobs": [2, 1], "wall_s": [90, 30], "cpu_s": [45, 15], "max_rss_mb": [700, 1250]}
    )
    assert findings.said("cost", {"cost": cost}) == (
        "3 jobs took 2.0 minutes one after another, and 1.0 minutes of processor time, most of it for ``train`` (75 %) and "
        "``detect`` (25 %). No job took more than 1.2 GB."
    )
    claims = pd.DataFrame({"verdict": ["holds", "fails", "holds", "fails"], "experiment": ["all"] * 3 + ["1"], "claimed": True})
    assert findings.said("claims", {"claims": claims}) == "Of 3 claims: 2 holds and 1 fails."


def test_slopes_and_strengths_of_figures():
    k = np.arange(10)
    x = np.linspace(-1, 1, 8)
    strengths = {
        number: {
            "k": k,
            "g_poisoned": np.where(k == 3, np.nan, 1 + slope * k),
            "g_clean": 2.0 - 0.25 * k,
            "estimate_half": x,
            "measured_half": slope * x,
            "poisoned": k[:8] < 4,
        }
        for number, slope in ((2, 0.5), (5, 2.0))
    }
    assert figure7.say(strengths, {}).endswith("by experiment: 2: +0.500 / -0.250; 5: +2.000 / -0.250.")
    assert figure3.say(strengths, {}).endswith("in experiment 5: +2.000 / -0.250.")
    assert figure5.say(strengths, {}).endswith("in experiment 2: +0.500 / -0.250.")
    assert figure8.say(strengths, {}).endswith("by experiment: 2: 0.50 / 1.00 / 1.00; 5: 2.00 / 1.00 / 1.00.")


def test_weights_and_triggers_of_figures():
    weights = np.zeros((6, 6))
    weights[:2, :2], weights[:2, 2:], weights[2:, 2:] = 0.5, -0.25, 0.125
    np.fill_diagonal(weights, 100)
    said = figure9.say({4: weights}, {4: np.array([0, 1])}, {})
    assert said.endswith(
        "in experiment 4. Means of poison to poison / poison to clean / clean to clean in logits, in experiment 4: "
        "+0.5000 / -0.2500 / +0.1250."
    )
    images = np.zeros((5, 8, 8, 1), np.uint8)
    changed = images[:2].copy()
    changed[:, 0, 0], changed[:, 0, 1] = 30, 40
    said = figure6.say(images, {1: {"index": np.array([1, 3]), "image": changed}}, {}, {})
    assert said.endswith("in experiment 1: 2.0 / 50.")


def test_the_sentences_on_figure_2():
    cells = {
        ("object", "0"): {"assigned": 1.0, "assigned_without": 1.0},
        ("object", "5"): {"assigned": 30.0, "assigned_without": 2.0},
        ("object", "10"): {"assigned": 54.3, "assigned_without": 4.8},
        ("natural", "before"): {"assigned": 4.0},
        ("natural", "size 12"): {"assigned": 32.0},
        ("natural", "control 12"): {"assigned": 7.0},
    }
    for rule, area in (("paper", 42.0), ("refined", 52.0)):
        cells["detection", rule] = {"auroc_within_class": area, "modified_caught": 4.0}
        cells["detection", f"{rule}, cross-fitted"] = {"auroc_within_class": 47.0}
        cells["detection", f"{rule}, permuted masks"] = {"auroc_within_class": 48.0}
    lines = [(*key, name, value) for key, measures in cells.items() for name, value in measures.items()]
    table = pd.DataFrame(lines, columns=["part", "row", "column", "value"])
    assert figure2.say(table, {}, {}) == (
        "(a) With the object on 10 training images, 54.3 % of the test images with it go to its class (4.8 % without it). "
        "(b) The pattern at 12 pixels moves 32.0 % to its class (4.0 % before, 7.0 % with pieces of other images). "
        "``paper`` has an AUROC of 42.0 within the class (cross-fitted 47.0, on permuted masks 48.0) "
        "and removes 4.0 % of the modified images. "
        "``refined`` has an AUROC of 52.0 within the class (cross-fitted 47.0, on permuted masks 48.0) "
        "and removes 4.0 % of the modified images."
    )
