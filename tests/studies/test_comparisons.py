"""The studies beside the paper's tables, on a planted block that every rule must find."""

import numpy as np
import pytest

from rethinking_backdoors.datamodels import difference_in_means
from rethinking_backdoors.detection.scores import detect
from rethinking_backdoors.detection.search import STARTS
from rethinking_backdoors.studies import comparisons
from rethinking_backdoors.studies.setting import Setting

N, MODELS, PLANTED, SIZES = 60, 1000, 10, [7, 10, 14]


@pytest.fixture(scope="module")
def setting():
    """Ten of sixty examples raise each other's margins; all of them and ten others have the target's label."""
    rng = np.random.default_rng(0)
    masks = rng.random((MODELS, N)) < 0.5
    margins = rng.standard_normal((MODELS, N))
    margins[:, :PLANTED] += masks[:, :PLANTED].sum(1, keepdims=True)
    return Setting(masks, margins, np.arange(N) < PLANTED, np.arange(N) < 2 * PLANTED, 0.2, 7)


def test_every_choice_of_a_rule_is_judged_and_finds_a_planted_block(setting):
    rows = list(comparisons.rule_choices(setting, sizes=SIZES, restarts=20))
    assert len(rows) == 2 * len(STARTS) * 5 * 2 * 3
    varied = ["self_influence", "starts", "kept", "steps", "weight_exponent"]
    assert len({tuple(row[name] for name in varied) for row in rows}) == len(rows)
    # Sets that are larger than the block hold other examples too, and which differs from rule to rule.
    assert min(row["auroc"] for row in rows) > 90
    assert np.median([row["auroc"] for row in rows]) > 99


@pytest.mark.parametrize("self_influence", [True, False])
@pytest.mark.parametrize("starts", STARTS)
def test_a_choice_is_what_detection_by_that_rule_gives(setting, self_influence, starts):
    rule = {"sizes": SIZES, "restarts": 10, "starts": starts, "kept": 1.0, "self_influence": self_influence}
    weights = difference_in_means(setting.masks, setting.margins)
    expected = setting.judge(detect(weights, rule, setting.root)["score"])
    chosen = {"self_influence": "kept" if self_influence else "zeroed", "starts": starts, "kept": 1.0}
    chosen |= {"steps": "sqrt2", "weight_exponent": 1.0}
    rows = comparisons.rule_choices(setting, sizes=SIZES, restarts=10)
    (row,) = [row for row in rows if all(row[name] == value for name, value in chosen.items())]
    assert {name: row[name] for name in expected} == pytest.approx(expected)


def test_what_removal_leaves_is_counted(setting):
    score = -np.arange(N, dtype=float)
    assert setting.judge(score) == {"auroc": 100, "auroc_within_target": 100, "poison_left": 0}
    assert setting.judge(-score) == {"auroc": 0, "auroc_within_target": 0, "poison_left": PLANTED}
