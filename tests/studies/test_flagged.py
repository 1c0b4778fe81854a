import numpy as np
import pytest

from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.studies.flagged import DETECTORS, by_others

TRAINING = {"network": "mlp", "hidden": 8, "epochs": 4, "batch_size": 20, "peak_lr": 0.1, "peak_epoch": 1}
TRAINING |= {"momentum": 0.9, "weight_decay": 5e-4, "models_at_once": 1}


@pytest.fixture(scope="module")
def images():
    """Five labels of forty images: a bright row each."""
    labels = np.repeat(np.arange(5), 40)
    values = np.random.default_rng(0).integers(0, 60, (200, 8, 8, 1), dtype=np.uint8)
    values[np.arange(200), labels] += 150
    return Labelled(values, labels)


def by_name(data, poison):
    return {row["row"]: row for row in by_others(data, poison, TRAINING, lambda x: x, 5)}


def test_an_attacked_set_has_a_row_of_every_detector(images):
    poison = np.arange(10)
    rows = by_name(images, poison)
    assert list(rows) == list(DETECTORS)
    for row in rows.values():
        assert row["flagged"] == 10 - row["poison_left"] + row["clean_flagged"]
        assert row["alarm"] == 100 * (row["flagged"] > 0)
    # The released rule removes 15 % of every class, whatever is there: 5 x 6 of 40 each.
    assert rows["ss, released"]["flagged"] == 30


def test_sets_that_nobody_attacked_are_those_of_the_scan(images):
    rows = by_name(images, np.empty(0, dtype=np.int64))
    assert len(rows) == 5 * len(DETECTORS)
    assert rows["ss, released, nobody attacked: half of it"]["flagged"] < 20
    assert "poison_left" not in rows["ac, size, nobody attacked: as it is"]
