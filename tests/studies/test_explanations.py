"""The explaining studies, each where its answer is planted."""

import numpy as np
import pytest

from rethinking_backdoors.margins.subsets import masks
from rethinking_backdoors.studies import explanations
from rethinking_backdoors.studies.setting import Setting

N, P, M = 60, 12, 900
DETECTORS = {"paper": {"sizes": [6, 12], "restarts": 6, "starts": "random", "kept": 1.0, "self_influence": True}}


def setting(values, drawn):
    poisoned = np.arange(N) < P
    return Setting(drawn, values.astype(np.float32), poisoned, np.arange(N) < 2 * P, 0.2, 3)


@pytest.fixture
def noise():
    """Margins that no subset moves; those of the poisoned examples have four times the spread."""
    drawn = masks(1, 0.5, range(M), N)
    return setting(np.random.default_rng(0).standard_normal((M, N)) * np.where(np.arange(N) < P, 4, 1), drawn)


def test_the_spread_of_margins_alone_lifts_the_old_control(noise):
    rows = {(row["margins"], row["judged"]): row for row in explanations.spread_of_margins(noise, detectors=DETECTORS)}
    assert rows["as they are", "same models"]["spread"] == pytest.approx(4, rel=0.1)
    assert rows["as they are", "same models"]["auroc"] > 80
    assert abs(rows["of equal spread", "same models"]["auroc"] - 50) < 20
    assert abs(rows["as they are", "other models"]["auroc"] - 50) < 30


@pytest.mark.parametrize(("law", "curve"), [("line", lambda k: 0.3 * k), ("logarithm", lambda k: 2 * np.log(k))])
def test_the_law_that_was_planted_explains_the_curve(law, curve):
    drawn = masks(2, 0.5, range(4000), N)
    values = np.random.default_rng(1).standard_normal((4000, N)) * 0.05
    values[:, :P] += curve(np.maximum(drawn[:, :P].sum(1), 1))[:, None]
    rows = {row["law"]: row["unexplained"] for row in explanations.laws_of_margins(setting(values, drawn))}
    other = {"line": "logarithm", "logarithm": "line"}[law]
    assert rows[law] < 2
    assert rows[other] > 2 * rows[law]


def test_one_penalty_leaves_as_many_zeros_as_one_for_each_target():
    drawn = masks(3, 0.5, range(300), N)
    values = np.random.default_rng(2).standard_normal((300, N))
    values[:, :P] += drawn[:, :P].sum(1, keepdims=True)
    rows = {row["penalty"]: row for row in explanations.lasso_penalties(setting(values, drawn), detectors=DETECTORS)}
    assert set(rows) == {"own", "common", "as sparse"}
    assert rows["as sparse"]["zeros"] == pytest.approx(rows["own"]["zeros"], abs=1.5)
    assert all(row["auroc"] > 90 for row in rows.values())


def test_more_models_find_more():
    drawn = masks(4, 0.5, range(M), N)
    values = np.random.default_rng(3).standard_normal((M, N)) * 4
    values[:, :P] += drawn[:, :P].sum(1, keepdims=True)
    found = explanations.convergence(setting(values, drawn), models=[60, M], detectors=DETECTORS)
    few, many = (row["auroc"] for row in found)
    assert many > 95 > few
