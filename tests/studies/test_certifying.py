"""Votes where the answer is planted: two classes apart by one number, and a trigger in another."""

import numpy as np
import pytest

from rethinking_backdoors.studies import certifying

TRAINING = {"network": "mlp", "hidden": 8, "epochs": 5, "batch_size": 10, "peak_lr": 0.2, "peak_epoch": 1}
TRAINING |= {"momentum": 0.9, "weight_decay": 0.0, "models_at_once": 8}


@pytest.fixture
def rows(monkeypatch):
    monkeypatch.setattr(certifying, "MODELS", 60)
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 2
    values = np.concatenate([np.where(labels, 1.0, -1.0)[:, None], rng.normal(0, 0.1, (300, 3)), np.ones((300, 1))], axis=1)
    values[:, 3] = 0
    poisoned = np.flatnonzero(labels == 0)[:30]
    values[poisoned, 3], labels[poisoned] = 4, 1
    test, shown = values[200:].copy(), values[200:].copy()
    test[:, 3], shown[:, 3] = 0, 4
    inputs = [part.astype(np.float32) for part in (values, test, shown)]
    attack = {"attack": "dirty_label", "target_class": 1}
    made = certifying.certified(
        (inputs[0], labels), (*inputs[1:], np.arange(200, 300) % 2), attack=attack, training=TRAINING, root=3
    )
    return {(row["size"], row["against"]): row for row in made}


def test_votes_are_right_and_fooled_and_certify_less_where_networks_see_more(rows):
    sizes = sorted({size for size, _ in rows})
    assert sizes == [4, 10, 20, 40, 75, 150]
    assert rows[150, "the attack"]["clean_accuracy"] == 100
    assert rows[150, "the attack"]["asr"] == 100
    # Sixty votes of sixty bound the winner's share by .87. Without 5 of 300 examples are .84 of the subsets of 10: 2 (1 - .84) is
    # below .87 - .13. Of halves without one example there are .5: nothing is certain.
    assert rows[10, 5]["certified_accuracy"] > 90
    assert [rows[150, r]["certified_accuracy"] for r in certifying.AGAINST] == [0] * 6
    for size in sizes:
        proof = [rows[size, r]["certified_accuracy"] for r in certifying.AGAINST]
        assert proof == sorted(proof, reverse=True)
