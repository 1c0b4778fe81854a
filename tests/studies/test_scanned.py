import numpy as np
import pandas as pd
import pytest

from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.studies import scanned
from rethinking_backdoors.studies.comparisons import of_every_seed, summarize


@pytest.fixture(scope="module")
def planted():
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(8), 50)
    values = rng.standard_normal((8, 10))[labels] * 1.5 + rng.standard_normal((400, 10))
    values = np.concatenate([values, np.zeros((400, 1))], axis=1).astype(np.float32)
    poison = rng.choice(np.flatnonzero(labels != 3), 24, replace=False)
    values[poison, 10], labels[poison] = 4, 3
    return Labelled(values, labels), poison


def test_rows_of_an_attacked_set_count_what_is_flagged(planted):
    data, poison = planted

    def measure(removals):
        return {
            name: {"asr": 100.0 - len(np.intersect1d(taken, poison)), "clean_accuracy": 90.0} for name, taken in removals.items()
        }

    rows = {row["row"]: row for row in scanned.attacked(data, poison, measure, 7, 0.1)}
    assert rows["scan"]["alarm"] == 100
    assert rows["scan"]["right_label"] == 100
    assert rows["scan"]["asr"] == 100 - (24 - rows["scan"]["poison_left"])
    assert rows["scan"]["flagged"] == 24 - rows["scan"]["poison_left"] + rows["scan"]["clean_flagged"]
    ranked = rows["ranked by the scan"]
    assert (ranked["flagged"], ranked["poison_left"]) == (40, 0)
    spread = rows["margin_sd, Otsu"]
    # In label 3 the poison stands apart; every other label is cut somewhere, too.
    assert spread["poison_left"] == 0
    assert spread["clean_flagged"] > 50


def test_strange_sets_are_what_they_are_called(planted):
    data, _ = planted
    made = scanned.strange(data, np.random.default_rng(0))
    assert len(made) == 5
    assert len(made["half of it"].labels) == 200
    counts = np.bincount(made["unequal labels"].labels) / np.bincount(data.labels)
    assert counts.min() < 0.7 < counts.max() <= 1
    assert 0 < (made["one label in twenty at random"].labels != data.labels).sum() <= 20
    changed = made["a natural subgroup"].labels != data.labels
    assert len(np.unique(data.labels[changed])) == len(np.unique(made["a natural subgroup"].labels[changed])) == 1
    assert all(
        (part.values[:3] == data.values[:3]).all() for name, part in made.items() if "label" in name and "unequal" not in name
    )


def test_tables_leave_out_what_a_row_does_not_measure():
    rows = pd.DataFrame(
        [
            {"experiment": 1, "seed": seed, "row": name, "alarm": 100.0, "asr": asr}
            for seed in (0, 1)
            for name, asr in (("a", 5.0), ("b", None))
        ]
    )
    table = summarize(rows)
    assert table[table["row"] == "a"]["column"].tolist() == ["alarm", "asr"]
    assert table[table["row"] == "b"]["column"].tolist() == ["alarm"]
    assert len(of_every_seed(rows, "scan")) == 6
