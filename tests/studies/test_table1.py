import numpy as np
import pandas as pd
import pytest

from rethinking_backdoors.config import load
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.studies import table1
from rethinking_backdoors.training.deadline import Deadline


@pytest.fixture
def config(monkeypatch):
    """The paper's configuration on sixty made-up images of 12 x 12 pixels, two epochs."""
    config = load("cifar10")
    config["training"] |= {"epochs": 2, "batch_size": 12, "peak_epoch": 1, "precision": "fp32"}
    for experiment in config["experiments"]:
        experiment["poisoned"] = min(experiment["poisoned"], 5)
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 60), ("test", 20)):
        arrays[f"{part}_image"] = rng.integers(0, 256, (n, 12, 12, 3), dtype=np.uint8)
        arrays[f"{part}_label"] = np.arange(n) % 10
    monkeypatch.setattr(Experiment, "draw", lambda experiment: (arrays, {}))
    return config


def test_first_seeds_come_first_and_nothing_twice(config, tmp_path):
    done = pd.DataFrame({"experiment": [1, 3], "seed": [0, 0]})
    plan = list(table1.planned(config, done, range(2), tmp_path))
    assert plan[:5] == [(7, 0), (2, 0), (4, 0), (8, 0), (0, 0)]
    assert plan[5:8] == [(1, 1), (3, 1), (7, 1)]
    assert not {number for number, _ in plan} & {5, 6}
    (tmp_path / "exp5/seed0").mkdir(parents=True)
    (tmp_path / "exp5/seed0/poison.npz").write_bytes(b"")
    assert (5, 0) in table1.planned(config, done, range(2), tmp_path)


def test_another_network_is_refused(tmp_path):
    with pytest.raises(InputError, match="asks for the paper's network"):
        list(table1.planned(load("digits"), table1.read(tmp_path / "none.csv"), range(1), tmp_path))


def test_a_network_becomes_a_line_in_two_runs(config, tmp_path):
    epochs, now = [], [0.0]

    def spent(epoch, seconds):
        epochs.append(epoch)
        now[0] += 100

    arguments = (config, 1, 0, tmp_path, tmp_path)
    deadline = Deadline(50, clock=lambda: now[0])
    assert table1.network(*arguments, deadline=deadline, progress=spent) is None
    line = table1.network(*arguments, deadline=Deadline(), progress=spent)
    assert epochs == [1, 2]
    table1.keep(tmp_path / "networks.csv", line | {"processor": "p"})
    (kept,) = table1.read(tmp_path / "networks.csv").to_dict("records")
    assert list(kept) == table1.COLUMNS
    assert (kept["experiment"], kept["seed"], kept["epochs"], kept["precision"]) == (1, 0, 2, "fp32")
    assert 0 <= kept["clean_accuracy"] <= 100
    with pytest.raises(InputError, match="has experiment 1, seed 0 already"):
        table1.keep(tmp_path / "networks.csv", line | {"processor": "p"})
