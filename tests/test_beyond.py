import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import beyond

from rethinking_backdoors.config import load
from rethinking_backdoors.errors import InputError

ROOT = Path(__file__).parents[1]


@pytest.fixture
def results(tmp_path):
    """A run of two attacks (30 and 38 of the configuration) with one baseline, one detector and the yardsticks."""
    folder = tmp_path / "digits_beyond"
    rows = ["none", "true", "ss", "margin_sd", "refined"]
    tables = {
        "table2": [(30, "oracle", "auroc", 98.0), (38, "oracle", "auroc", 99.0)],
        "table3": [(e, row, "clean_accuracy", 90.0) for e in (38, 30) for row in rows],
        "table6": [(e, row, "asr", 40.0 + place) for e in (38, 30) for place, row in enumerate(rows)],
        "table4": [(30, "refined", "auroc_within_target", 71.0), (30, "refined", "precision_at_p", 5.0)],
        "defenses": [
            (30, "ss", "auroc_within_target", 52.0),
            (30, "refined", "auroc_within_target", 71.0),
            (30, "ss", "told_poisoned", 100.0),
        ],
    }
    (folder / "tables").mkdir(parents=True)
    for name, lines in tables.items():
        table = pd.DataFrame(lines, columns=["experiment", "row", "column", "value"]).assign(low=0.0, high=100.0, seeds=2)
        table.to_csv(folder / f"tables/{name}.csv", index=False)
    for rule, name, seconds in (
        ("train", "a", 28.0),
        ("datamodel", "a", 14.0),
        ("representations", "a", 14.0),
        ("baseline", "seed0-ss", 7.0),
    ):
        (folder / "benchmarks" / rule).mkdir(parents=True)
        (folder / f"benchmarks/{rule}/{name}.tsv").write_text(f"s\tcpu_time\n1\t{seconds}\n")
    (folder / "images").mkdir()
    (folder / "images/seed0.npz").touch()
    return tmp_path


def test_numbers_are_joined_in_the_order_of_the_configuration(results):
    beyond.main(results, results)
    table = pd.read_csv(results / "beyond/table7.csv")
    assert list(table["attack"].unique()) == ["all_to_all", "bpp"]
    first = table[(table["attack"] == "all_to_all") & (table["column"] == "asr")]
    assert list(first["detector"]) == ["none", "true", "ss", "margin_sd", "refined"]
    assert list(first["value"]) == [40, 41, 42, 43, 44]
    within = table[table["column"] == "auroc_within_target"].set_index("detector")["value"]
    assert within.to_dict() == {"ss": 52.0, "refined": 71.0}
    assert list(table[table["detector"] == "oracle"]["value"]) == [98, 99]
    assert "precision_at_p" not in set(table["column"])
    assert (results / "beyond/figure12_digits_beyond.png").stat().st_size > 1000


def test_the_scan_and_what_removal_costs_are_joined_from_tables_on_request(results):
    lines = [
        (0, "nobody attacked: as it is", "flagged", 3.0),
        (0, "nobody attacked: a natural subgroup", "flagged", 7.0),
        (30, "scan", "asr", 12.0),
        (30, "scan", "flagged", 50.0),
        (30, "scan", "p_value", 0.01),
        (30, "margin_sd, Otsu", "asr", 90.0),
    ]
    made = {"scan": lines, "removal": [(30, "ss", "worst_class_accuracy", 81.0)]}
    for name, rows in made.items():
        table = pd.DataFrame(rows, columns=["experiment", "row", "column", "value"]).assign(low=0.0, high=100.0, seeds="0 1 4")
        table.to_csv(results / f"digits_beyond/tables/{name}.csv", index=False)
    beyond.main(results, results)
    table = pd.read_csv(results / "beyond/table7.csv").set_index(["experiment", "detector", "column"])
    assert table["value"][0, "scan", "clean_removed"] == 3
    assert table["value"][30, "scan", "asr"] == 12
    assert table["value"][30, "scan", "removed"] == 50
    assert len(table.xs("scan", level="detector")) == 3
    assert table["value"][30, "ss", "worst_class_accuracy"] == 81
    assert table["seeds"][30, "scan", "asr"] == 3
    assert table["seeds"][30, "ss", "asr"] == 2


def test_what_a_detector_costs_has_all_that_it_needs_in_it(results):
    beyond.main(results, results)
    cost = pd.read_csv(results / "beyond/costs.csv").set_index("detector")["cpu_s"]
    sets = len(load(ROOT / "config/beyond/digits.yaml")["experiments"])
    assert cost["ss"] == pytest.approx((14 + 7) / sets, abs=0.01)
    assert cost["refined"] == pytest.approx((28 + 14) / sets, abs=0.01)
    assert cost["margin_sd"] == pytest.approx(28 / sets, abs=0.01)


def test_networks_are_counted_where_the_settings_say_how_many(results):
    beyond.main(results, results)
    networks = pd.read_csv(results / "beyond/costs.csv").set_index("detector")["networks"]
    config = load(ROOT / "config/beyond/digits.yaml")
    assert networks["refined"] == networks["margin_sd"] == config["models"]["count"]
    assert networks["ss"] == 1
    assert networks["early_loss"] == config["defenses"]["early_loss"]["networks"]
    assert networks["confident_learning"] == 10
    assert pd.isna(networks["ispl"])


def test_curves_are_those_of_the_first_seed(results):
    for experiment in (30, 38):
        place = results / f"digits_beyond/exp{experiment}/seed0/alpha50"
        place.mkdir(parents=True)
        np.savez(place / "strength.npz", k=[1, 2], g_poisoned=[0.5, experiment], g_clean=[1.0, 1.0])
    beyond.main(results, results)
    found = pd.read_csv(results / "beyond/curves.csv")
    assert found["poisoned"].tolist() == [0.5, 30, 0.5, 38]
    assert (results / "beyond/figure13.png").stat().st_size > 1000


def test_data_that_are_no_images_are_a_table_of_their_own_and_budgets_a_picture(results):
    source = results / "digits_beyond"
    for name in ("mails", "digits_frontier"):
        shutil.copytree(source, results / name)
    tables = results / "mails/tables"
    for path in tables.glob("*.csv"):
        table = pd.read_csv(path)
        table["experiment"] = table["experiment"].replace({30: 1, 38: 2})
        table.to_csv(path, index=False)
    lines = [line for line in load(ROOT / "config/beyond/frontier/digits.yaml")["experiments"] if line["experiment"]]
    tables = results / "digits_frontier/tables"
    parts = {"attacks": [], "table6": [], "defenses": []}
    for line in lines:
        e = line["experiment"]
        parts["attacks"] += [(e, "none", column, e) for column in ("asr", "clean_accuracy", "l2", "changed", "similarity")]
        for row in ("paper", "refined", "margin_sd"):
            parts["table6"].append((e, row, "asr", 5))
            parts["defenses"].append((e, row, "auroc_within_target", 60))
    for name, rows in parts.items():
        made = pd.DataFrame(rows, columns=["experiment", "row", "column", "value"]).assign(seeds=3)
        made.to_csv(tables / f"{name}.csv", index=False)
    beyond.main(results, results)
    assert set(pd.read_csv(results / "beyond/table8.csv")["dataset"]) == {"mails"}
    assert set(pd.read_csv(results / "beyond/table7.csv")["dataset"]) == {"digits_beyond"}
    frontier = pd.read_csv(results / "beyond/frontier.csv")
    assert len(frontier) == len(lines)
    assert frontier["asr"].tolist() == [line["experiment"] for line in lines]
    assert (frontier["asr_after_refined"] == 5).all()
    assert (frontier["seeds"] == 3).all()
    assert (results / "beyond/figure14.png").stat().st_size > 1000


def test_without_runs_it_says_what_makes_them(tmp_path):
    with pytest.raises(InputError, match="make beyond makes it"):
        beyond.main(tmp_path, tmp_path)
