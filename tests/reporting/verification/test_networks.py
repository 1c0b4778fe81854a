"""Intervals of few networks, against the formula by hand."""

import numpy as np
import pandas as pd
import pytest

from rethinking_backdoors.reporting.verification.networks import ALONE, long, tables


def lines(values):
    rows = [("table1", e, "none", "clean_accuracy", s, v) for e, networks in values.items() for s, v in enumerate(networks)]
    return pd.DataFrame(rows, columns=["table", "experiment", "row", "column", "seed", "value"])


def test_one_network_each_has_the_interval_of_the_test_images():
    (line,) = tables(lines({1: [80.0]}), 10_000)["table1"].to_dict("records")
    assert (line["low"], line["high"]) == pytest.approx((80 - 1.96 * 0.4, 80 + 1.96 * 0.4), abs=1e-3)
    assert (line["seeds"], line["note"]) == (1, ALONE)


def test_the_spread_is_pooled_and_counts_for_experiments_with_one_network():
    found = tables(lines({1: [80.0, 82.0], 2: [70.0, 74.0], 3: [50.0]}), 10_000)["table1"].set_index("experiment")
    spread = np.sqrt((2 + 8) / 2)  # squared deviations 1 + 1 and 4 + 4, two degrees of freedom
    quantile = 4.302653  # of t with two
    assert found.loc[3, "high"] == pytest.approx(50 + quantile * np.sqrt(spread**2 + 0.25), abs=1e-3)
    assert found.loc[1, "high"] == pytest.approx(81 + quantile * np.sqrt(spread**2 / 2 + 81 * 19 / 1e4), abs=1e-3)
    assert (found["note"] == "").all()


def test_networks_are_rows_of_three_tables():
    network = {"experiment": 1, "seed": 0, "clean_accuracy": 87.0, "poisoned_accuracy": 20.0, "asr": 90.0}
    made = long(pd.DataFrame([network, network | {"experiment": 0}]))
    assert sorted(zip(made["table"], made["column"], strict=True)) == [
        ("table1", "clean_accuracy"),
        ("table1", "poisoned_accuracy"),
        ("table3", "clean_accuracy"),
        ("table3", "poisoned_accuracy"),
        ("table6", "asr"),
    ]
    assert set(made["experiment"]) == {1}
    # The same network in two tables is one network.
    assert set(tables(made, 10_000)["table3"]["note"]) == {ALONE}
