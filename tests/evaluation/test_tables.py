import numpy as np
import pandas as pd
import pytest

from rethinking_backdoors.config import describe
from rethinking_backdoors.defenses.removal import highest_scores
from rethinking_backdoors.evaluation.tables import COLUMNS, interval, summarize
from rethinking_backdoors.reporting.summary import page


def test_the_interval_is_students():
    # Three values with mean 2 and standard deviation 1: t of 0.975 with two degrees of freedom is 4.3027.
    mean, low, high = interval(np.array([1.0, 2.0, 3.0]))
    assert mean == 2
    assert high - mean == mean - low == pytest.approx(4.3027 / 3**0.5, abs=1e-4)


def test_one_value_has_no_interval():
    assert np.isnan(interval(np.array([5.0]))[1:]).all()


def numbers():
    values = [("table4", 1, "paper", "auroc_scores", s, v) for s, v in enumerate([99.0, 100.0, 99.5])]
    values += [("table4", 1, "refined", "auroc_scores", s, v) for s, v in enumerate([90.0, 91.0, 92.0])]
    values += [("defenses", 1, "paper", "poison_removed", s, v) for s, v in enumerate([120.0, 130.0, 110.0])]
    return pd.DataFrame(values, columns=COLUMNS)


def test_a_table_has_one_line_a_cell_and_keeps_percentages_within_bounds():
    table = summarize(numbers(), "table4")
    assert table[["experiment", "row", "column", "seeds"]].to_numpy().tolist() == [
        [1, "paper", "auroc_scores", 3],
        [1, "refined", "auroc_scores", 3],
    ]
    assert table["value"].tolist() == pytest.approx([99.5, 91.0])
    assert table["high"].tolist() == [100.0, pytest.approx(91 + 4.3027 / 3**0.5, abs=1e-3)]
    counts = summarize(numbers(), "defenses")
    assert counts["high"][0] == pytest.approx(120 + 43.027 / 3**0.5, abs=1e-2)


AREAS = ("auroc_scores", "crossfit_auroc", "permuted_mean_auroc")
HEADLINE = {
    "table2": [("oracle", "auroc", 2.0)],
    "table3": [(row, "clean_accuracy", value) for row, value in (("none", 1.0), ("paper", 12.0), ("refined", 22.0))],
    "table4": [
        *(
            ("paper", column, value)
            for column, value in (("auroc_scores", 11.0), ("crossfit_auroc", 12.5), ("permuted_mean_auroc", 14.0))
        ),
        *(
            ("refined", column, value)
            for column, value in (("auroc_scores", 21.0), ("crossfit_auroc", 22.5), ("permuted_mean_auroc", 24.0))
        ),
        ("ac", "auroc_scores", 50.0),  # has no control, so it is no column of the README's table
    ],
    "table6": [(row, "asr", value) for row, value in (("none", 3.0), ("paper", 13.0), ("refined", 23.0))],
}


def headline_numbers(table):
    lines = [(table, 1, row, column, seed, value) for row, column, value in HEADLINE[table] for seed in (0, 1)]
    return summarize(pd.DataFrame(lines, columns=COLUMNS), table)


def test_the_page_shows_every_cell():
    tables = {name: summarize(numbers(), "table4") for name in ("table1", "table2", "table3", "table4", "table6", "defenses")}
    experiments = {1: {"attack": "dirty_label", "trigger": "one_pixel", "alphas": [0.5]}}
    tables |= {name: headline_numbers(name) for name in HEADLINE}
    captions = {name: f"About {name}\n=====\n\nWhat to look at.\n" for name in (*tables, "figure3")}
    text = page("digits", tables, experiments, captions)
    assert text.count("| 1 | dirty label, one pixel | refined | 91.0 [88.5, 93.5] |") == 2
    assert "## About figure3\n\nWhat to look at.\n\n![figure3](../../figures/digits/figure3.png)" in text
    # The README's table: none, oracle, then each detector's AUROC, control, success and clean accuracy.
    assert (
        "| 1 | dirty label, one pixel | 1.0 | 3.0 | 2.0 | 11.0 | 12.5 | 14.0 | 13.0 | 12.0 | 21.0 | 22.5 | 24.0 | 23.0 | 22.0 |"
        in text
    )
    assert "not the official" not in text
    text = page("cifar10", tables, experiments, captions, "the file declares 20 test images to be inexact")
    assert "\nThe data are not the official ones throughout: the file declares 20 test images to be inexact.\n" in text
    assert describe(experiments[1]) == "dirty label, one pixel"


def test_the_highest_scores_are_removed():
    score = np.array([0.0, 3.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert highest_scores(score, 0.3, seed=0).tolist() == [1, 2, 3]
    assert highest_scores(score, 0.39, seed=0).tolist() == [1, 2, 3]
    # Equal scores are drawn by the seed.
    assert len({tuple(highest_scores(score, 0.5, seed=seed)) for seed in range(20)}) > 3
