"""Clients that poison a federation, where it is known which: two classes apart by one number, and a trigger in another."""

import numpy as np
import pytest

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.studies import federating

TRAINING = {"network": "mlp", "hidden": 8, "epochs": 5, "batch_size": 10, "peak_lr": 0.2, "peak_epoch": 1}
TRAINING |= {"momentum": 0.9, "weight_decay": 0.0, "models_at_once": 8}
COMMON = {"restarts": 10, "kept": 1.0, "self_influence": True}
DETECTORS = {"paper": COMMON | {"starts": "random"}, "refined": COMMON | {"starts": "partners"}}


def test_poison_lies_with_few_clients_and_every_image_with_one():
    poisoned = np.zeros(1530, dtype=bool)
    poisoned[::35] = True  # 44
    clients, bad = federating.shared_out(poisoned, np.random.default_rng(0))
    assert clients.shape == (100, 15)
    assert len(np.unique(clients)) == 1500
    counts = poisoned[clients].sum(1)
    assert sorted(counts[bad].tolist()) == [8, 9, 9, 9, 9]
    assert not counts[~bad].any()
    none, nobody = federating.shared_out(np.zeros(1500, dtype=bool), np.random.default_rng(0))
    assert (len(np.unique(none)), nobody.any()) == (1500, False)
    for poisoned in (np.zeros(99, dtype=bool), np.ones(1500, dtype=bool)):
        with pytest.raises(InputError, match="100 clients need as many images, at most 60% of them poisoned"):
            federating.shared_out(poisoned, np.random.default_rng(0))


@pytest.fixture
def world(monkeypatch):
    for name, value in (
        ("DEPLOYED", 4),
        ("CLIENTS", 20),
        ("FEDERATIONS", 120),
        ("SIZES", {"paper": [2, 3, 6], "refined": [2, 3, 6]}),
    ):
        monkeypatch.setattr(federating, name, value)
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 2
    values = np.concatenate([np.where(labels, 1.0, -1.0)[:, None], rng.normal(0, 0.3, (300, 3)), np.ones((300, 1))], axis=1)
    values[:, 3] = 0
    poisoned = np.zeros(300, dtype=bool)
    poisoned[np.flatnonzero(labels == 0)[:27]] = True
    test, shown = values[200:].copy(), values[200:].copy()
    test[:, 3], shown[:, 3] = 0, 4
    values[poisoned, 3], labels[poisoned] = 4, 1
    inputs = [part.astype(np.float32) for part in (values, test, shown)]
    return (inputs[0], labels), poisoned, (*inputs[1:], np.arange(200, 300) % 2)


ASKED = {"attack": {"attack": "dirty_label", "target_class": 1}, "detectors": DETECTORS, "removed": 0.15, "root": 3}


def test_datamodels_of_clients_find_those_that_poison(world):
    rows = {(row["detector"], row["judged"]): row for row in federating.found_clients(*world, training=TRAINING, **ASKED)}
    assert rows["none", "same models"]["poison_left"] == 3
    assert rows["none", "same models"]["asr"] > 90
    assert (rows["true", "same models"]["poison_left"], rows["true", "same models"]["asr"] < 20) == (0, True)
    for name in ("paper", "refined"):
        assert rows[name, "same models"]["poison_left"] == 0
        assert rows[name, "other models"]["auroc"] > 95
        assert rows[name, "permuted"]["auroc"] < 80


def test_where_nobody_poisons_there_is_nothing_to_judge(world):
    (values, labels), poisoned, test = world
    rows = list(federating.found_clients((values, labels), poisoned & False, test, training=TRAINING, **ASKED))
    assert all("auroc" not in row and row["poison_left"] == 0 for row in rows)


def test_another_network_is_refused(world):
    with pytest.raises(InputError, match="kind mlp"):
        next(federating.found_clients(*world, training=TRAINING | {"network": "resnet9"}, **ASKED))
