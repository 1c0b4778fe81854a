import sys
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import beta

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import scan_study

from rethinking_backdoors.errors import InputError


@pytest.fixture
def results(tmp_path):
    """Two attacked sets, one found with the right label, and four that nobody attacked, of which one alarms."""
    rows = []
    for seed, alarm in ((0, 100.0), (1, 0.0)):
        rows += [
            (1, "scan", seed, "alarm", alarm),
            (1, "scan", seed, "right_label", alarm),
            (1, "scan", seed, "poison_left", 20 - alarm / 5),
        ]
        rows += [(1, "margin_sd, Otsu", seed, "flagged", 300.0)]
    for seed, kind, alarm in ((0, "as it is", 0.0), (1, "as it is", 0.0), (0, "half of it", 100.0), (1, "half of it", 0.0)):
        rows.append((0, f"nobody attacked: {kind}", seed, "alarm", alarm))
        rows.append((0, f"nobody attacked: {kind}", seed, "flagged", alarm / 2))
        rows.append((0, f"margin_sd, Otsu, nobody attacked: {kind}", seed, "flagged", 200.0))
    long = pd.DataFrame(rows, columns=["experiment", "row", "seed", "column", "value"])
    extra = long.drop_duplicates(["experiment", "row", "seed"]).assign(column="look", value=0.0)
    both = [extra.assign(column=name, value=value) for name, value in (("look", 0.0), ("p_value", 0.5), ("apart", 80.0))]
    (tmp_path / "digits/tables").mkdir(parents=True)
    pd.concat([long, *both]).assign(table="scan").to_csv(tmp_path / "digits/tables/scan_seeds.csv", index=False)
    return tmp_path


def test_sets_are_counted_with_an_exact_interval(results, capsys):
    scan_study.main(results, results)
    table = pd.read_csv(results / "scan/summary.csv").set_index(["dataset", "attacked", "kind"])
    attacked, quiet = table.loc[("all", True, "all")], table.loc[("all", False, "all")]
    assert (attacked["sets"], attacked["alarms"], attacked["right_label"], attacked["poison_left"]) == (2, 1, 1, 10)
    assert (quiet["sets"], quiet["alarms"]) == (4, 1)
    # Clopper and Pearson's limits are quantiles of beta distributions.
    assert quiet["low"] == pytest.approx(100 * beta.ppf(0.025, 1, 4), abs=0.06)
    assert quiet["high"] == pytest.approx(100 * beta.ppf(0.975, 2, 3), abs=0.06)
    assert table.loc[("digits", False, "half of it"), "alarms"] == 1
    assert "sets that nobody attacked: 1 of 4 alarm" in capsys.readouterr().out
    assert (results / "scan/sets.png").stat().st_size > 1000
    assert len(pd.read_csv(results / "scan/sets.csv")) == 6
    others = pd.read_csv(results / "scan/others.csv").set_index("detector")
    assert others.loc["scan", ["sets", "sets_with_flags", "flagged", "poison_left"]].tolist() == [4, 1, 12.5, 10]
    assert others.loc["margin_sd, Otsu", ["sets", "sets_with_flags", "flagged"]].tolist() == [4, 4, 200]


def test_without_tables_it_says_what_makes_them(tmp_path):
    with pytest.raises(InputError, match="make scan-study makes them"):
        scan_study.main(tmp_path, tmp_path)
