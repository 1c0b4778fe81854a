import numpy as np
import pandas as pd

from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.studies import trusting


def table(seed, each, planted=0):
    """Eight labels that ten columns tell; label 3 has some examples of the others with a trigger in the last one."""
    rng, labels = np.random.default_rng(seed), np.repeat(np.arange(8), each)
    values = np.random.default_rng(9).standard_normal((8, 10))[labels] * 1.5 + rng.standard_normal((len(labels), 10))
    values = np.concatenate([values, np.zeros((len(labels), 1))], axis=1).astype(np.float32)
    poison = rng.choice(np.flatnonzero(labels != 3), planted, replace=False)
    values[poison, 10], labels[poison] = 4, 3
    return Labelled(values, labels)


def test_an_attack_stands_out_from_few_trusted_examples_and_quiet_data_does_not(monkeypatch):
    monkeypatch.setattr(trusting, "POOLS", (20,))
    monkeypatch.setattr(trusting, "COUNTS", (5,))
    monkeypatch.setattr(trusting, "UNITS", 400)
    sets = {"quiet": (table(0, 60), None), "attacked": (table(0, 60, planted=20), 3)}
    rows = pd.DataFrame(trusting.trusted(sets, table(1, 40), 7)).set_index("set")
    assert rows.loc["quiet", "alarm"] == 0
    assert rows.loc["attacked", "right_label"] == 100
    assert rows.loc["attacked", "z"] > rows.loc["quiet", "z"]
    assert trusting.smaller(table(1, 40), 20).labels.tolist() == np.repeat(np.arange(8), 20).tolist()
