import numpy as np
import pandas as pd
import pytest

from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.reporting.figures import scan as figures
from rethinking_backdoors.studies import price


def planted(count):
    """A set whose last column is a trigger in a sixteenth of the examples, all with label 3."""
    rng, labels = np.random.default_rng(count), np.repeat(np.arange(8), count // 8)
    values = rng.standard_normal((8, 10))[labels] * 1.5 + rng.standard_normal((count, 10))
    values = np.concatenate([values, np.zeros((count, 1))], axis=1).astype(np.float32)
    poison = rng.choice(np.flatnonzero(labels != 3), count // 16, replace=False)
    values[poison, 10], labels[poison] = 4, 3
    return Labelled(values, labels), poison


def test_a_planted_block_is_found_at_a_half_with_many_models(monkeypatch):
    monkeypatch.setattr(price, "FRACTIONS", (0.5, 0.2))
    monkeypatch.setattr(price, "UNITS", (100, 400))
    rows = pd.DataFrame(price.grid(*planted(400), 7)).set_index(["fraction", "units"])
    assert len(rows) == 4
    assert rows.loc[(0.5, 400), "right_label"] == 100
    assert rows.loc[(0.5, 400), "auroc_within_target"] > 95
    assert rows.loc[(0.5, 400), "poison_left"] <= rows.loc[(0.5, 100), "poison_left"] <= 25


def test_fewer_models_are_needed_where_subsets_have_a_fixed_size(monkeypatch):
    monkeypatch.setattr(price, "MEASURED_ON", 200)
    monkeypatch.setattr(price, "FIXED", 100)
    rows = pd.DataFrame(price.growth(planted, [400, 1600], 7)).set_index(["subsets", "examples"])
    half, fixed = rows.loc["half", "models_needed"], rows.loc["100", "models_needed"]
    assert half[1600] / half[400] > 1.5 * fixed[1600] / fixed[400]
    # At the smallest set a unit is a model on half of the data, and costs in thousands of them what it is.
    assert rows.loc[("half", 400), "price_needed"] == pytest.approx(half[400] / 1000, rel=1e-9)


def test_the_exponent_is_that_of_a_power_of_n():
    n = np.array([10, 20, 40])
    assert figures.exponent(pd.DataFrame({"examples": n, "value": 3 * n**1.7})) == pytest.approx(1.7)
