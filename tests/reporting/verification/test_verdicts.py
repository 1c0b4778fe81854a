from collections import Counter
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from as_in_the_paper import FACTS, PAPER, ROOT, as_published, changed

from rethinking_backdoors.config import load
from rethinking_backdoors.reporting.verification.published import numbers
from rethinking_backdoors.reporting.verification.verdicts import distances, means, verify


def test_what_repeats_the_paper_is_reproduced():
    verified = verify(FACTS, PAPER, as_published())
    assert len(verified) == len(numbers(FACTS))
    # The printed numbers and the mean margins of Figure 7; the other measured ones cannot be compared at any scale.
    assert Counter(verified["verdict"]) == {"reproduced": 171 + 24, "not comparable": 272}
    assert not verified["measured"].isna().any()
    table2 = verified[(verified["where"] == "Table 2")].iloc[0]
    assert table2["note"] == "estimator difference, lasso in the paper"
    unstated = verified["note"].str.contains("does not state the settings of this defense")
    assert set(verified.loc[unstated, "row"]) == {"ac", "ispl", "spectre", "ss"}


@pytest.mark.parametrize(
    ("name", "where", "cell", "value", "verdict"),
    [
        ("table3", "Table 3", {"experiment": 1, "row": "paper", "column": "clean_accuracy"}, 86.5, "open"),
        ("table3", "Table 3", {"experiment": 1, "row": "paper", "column": "clean_accuracy"}, 87.0, "differs"),
        ("table6", "Table 6", {"experiment": 1, "row": "paper", "column": "asr"}, 4.0, "differs"),
        ("table6", "Table 6", {"experiment": 1, "row": "none", "column": "asr"}, 80.0, "open"),
        ("table4", "Table 4", {"experiment": 2, "row": "paper", "column": "auroc_scores"}, 60.0, "differs"),
        ("table2", "Section 5.1, text", {"experiment": 2, "row": "oracle", "column": "auroc_alpha30"}, 61.0, "differs"),
        ("figure7", "Figure 7", {"experiment": 1, "row": "poisoned", "column": "margin_first"}, 9.0, "differs"),
    ],
)
def test_a_broken_result_turns_its_verdict_and_no_other(name, where, cell, value, verdict):
    before = verify(FACTS, PAPER, as_published())
    after = verify(FACTS, PAPER, changed(as_published(), name, value, **cell))
    moved = before["measured"] != after["measured"]
    assert moved.sum() == 1
    assert after.loc[moved, ["where", "verdict"]].to_numpy().tolist() == [[where, verdict]]
    assert (before.loc[~moved, "verdict"] == after.loc[~moved, "verdict"]).all()


def test_what_was_not_run_is_said():
    part = {**PAPER, "only": [1, 5]}
    tables = {name: table[table["experiment"].isin([1, 5])] for name, table in as_published().items()}
    verified = verify(FACTS, part, {name: table for name, table in tables.items() if name != "table6"})
    assert len(verified) == len(numbers(FACTS))
    missing = ~verified["experiment"].isin([1, 5]) | (verified["table"] == "table6")
    assert (verified.loc[missing, "verdict"] == "not run").all()
    assert not (verified.loc[~missing, "verdict"] == "not run").any()
    assert verify(FACTS, part, {})["verdict"].unique().tolist() == ["not run"]


def test_a_setting_concerns_what_depends_on_it():
    def verdicts(change):
        config = deepcopy(PAPER)
        change(config)
        verified = verify(FACTS, config, as_published()).set_index(["where", "experiment", "row", "column"])
        asked = [("Table 1", "none", "clean_accuracy"), ("Table 2", "oracle", "auroc"), ("Table 4", "paper", "auroc")]
        return [verified.loc[(where, e, row, column), "verdict"] == "reproduced" for where, row, column in asked for e in (1, 3)]

    assert all(verdicts(lambda config: None))
    assert verdicts(lambda config: config["models"].update(count=2000)) == [True, True, False, False, False, False]
    assert verdicts(lambda config: config["detectors"]["paper"].update(restarts=100)) == [True] * 4 + [False] * 2
    assert verdicts(lambda config: config["experiments"][1].update(removed=0.2)) == [True] * 4 + [False, True]
    assert verdicts(lambda config: config["experiments"][1].update(poisoned=700)) == [False, True] * 3
    assert not any(verdicts(lambda config: config["training"].update(network="mlp")))
    moved = {"one_pixel": [[{"rows": [1, 1], "columns": [0, 0], "color": [1, 0, 0]}]]}
    assert verdicts(lambda config: config["triggers"].update(moved)) == [False, True] * 3


def test_another_subset_fraction_is_another_number():
    config = deepcopy(PAPER)
    config["experiments"][1]["alphas"] = [0.4]
    verified = verify(FACTS, config, as_published())
    of_one = verified[(verified["experiment"] == 1) & verified["where"].isin(["Table 2", "Table 4"])]
    assert of_one["verdict"].tolist() == ["not run", "not run"]


def test_digits_can_be_compared_in_nothing():
    verified = verify(FACTS, load(ROOT / "config/digits.yaml"), as_published())
    assert set(verified["verdict"]) <= {"not comparable", "not run"}
    assert verified.loc[verified["verdict"] == "not comparable", "note"].str.contains("images.source").all()


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ((52.0, np.nan, np.nan), (2.0, 2.0)),  # one seed: its value
        ((52.0, 51.5, 52.5), (1.5, 2.5)),
        ((50.2, 49.0, 51.4), (0.0, 1.4)),
        ((40.0, 39.0, 41.0), (9.0, 11.0)),
    ],
)
def test_distances_to_both_ends_of_the_interval(measured, expected):
    assert distances(50.0, measured) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(85.7, 87.6, "reproduced"), (86.0, 88.0, "open"), (60.0, 99.0, "open"), (87.7, 88.5, "differs")],
)
def test_a_verdict_is_open_where_the_interval_lies_on_both_sides_of_the_tolerance(low, high, verdict):
    """Experiment 1 of Table 1: 86.64, to one point; the last but one covers it and says nothing."""
    table = pd.DataFrame([(1, "none", "clean_accuracy", (low + high) / 2, low, high, 3)])
    table.columns = ["experiment", "row", "column", "value", "low", "high", "seeds"]
    verified = verify(FACTS, PAPER, {"table1": table})
    cell = (verified["where"] == "Table 1") & (verified["experiment"] == 1) & (verified["column"] == "clean_accuracy")
    assert verified.loc[cell, "verdict"].tolist() == [verdict]


def test_means_of_the_evidence():
    seeds = pd.DataFrame(
        [("figure9", 1, "clean_to_clean", "mean", seed, value) for seed, value in enumerate([1.0, 2.0, 3.0])],
        columns=["table", "experiment", "row", "column", "seed", "value"],
    )
    (line,) = means(seeds)["figure9"].to_numpy().tolist()
    assert line == [1, "clean_to_clean", "mean", 2.0, pytest.approx(-0.4841, abs=1e-4), pytest.approx(4.4841, abs=1e-4), 3]
