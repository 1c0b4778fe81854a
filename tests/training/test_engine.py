import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from rethinking_backdoors.datamodels.inputs import mask_columns
from rethinking_backdoors.io import InputError, read_json
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.training import engine, margins, mlp
from rethinking_backdoors.training.subsets import masks, subset

TRAINING = {
    "network": "mlp",
    "hidden": 6,
    "epochs": 2,
    "batch_size": 5,
    "peak_lr": 0.2,
    "peak_epoch": 1,
    "momentum": 0.9,
    "weight_decay": 0.0005,
    "models_at_once": 4,
}


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (30, 2, 2, 1), dtype=np.uint8), rng.integers(0, 3, 30)


def shard(data, path, models, root=9):
    engine.train_shards([data], [str(path)], [root], alpha=0.5, models=models, training=TRAINING)
    return np.load(path)


def test_margins_do_not_depend_on_how_models_are_cut_into_shards(data, tmp_path):
    whole = shard(data, tmp_path / "whole.npy", (0, 16))
    parts = [shard(data, tmp_path / f"{a}.npy", (a, b)) for a, b in ((0, 8), (8, 9), (9, 16))]
    assert whole.dtype == np.float16
    assert whole.shape == (16, 30)
    assert (np.concatenate(parts) == whole).all()
    assert not (shard(data, tmp_path / "other.npy", (0, 16), root=10) == whole).any(axis=1).all()


def test_margins_are_those_of_the_networks_trained_directly(data, tmp_path):
    images, labels = data
    values = shard(data, tmp_path / "a.npy", (4, 8))
    recipe = mlp.Recipe(**{key: value for key, value in TRAINING.items() if key != "network"})
    pixels, y = torch.from_numpy(images).flatten(1).float() / 255, torch.from_numpy(labels)
    subsets = np.stack([subset(9, 0.5, index, 30) for index in range(4, 8)])
    trained = mlp.train(pixels, y, subsets, [generator(9, "model", 50, index) for index in range(4, 8)], recipe)
    # Not nearly: the committed results depend on every bit.
    assert (trained.margins(pixels, y).half().numpy() == values).all()


def test_models_fit_their_own_subset_better(data, tmp_path):
    values = shard(data, tmp_path / "a.npy", (0, 64)).astype(float)
    inside = masks(9, 0.5, range(64), 30)
    assert values[inside].mean() > values[~inside].mean()


def test_a_killed_job_goes_on_where_it_stopped(data, tmp_path, monkeypatch):
    expected = shard(data, tmp_path / "expected.npy", (0, 16))
    calls, train = [], mlp.train

    def dies_in_the_third_block(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train(*arguments, **options)

    monkeypatch.setattr(mlp, "train", dies_in_the_third_block)
    with pytest.raises(KeyboardInterrupt):
        shard(data, tmp_path / "a.npy", (0, 16))
    assert not (tmp_path / "a.npy").exists()
    # A row that was cut off in the middle does not count.
    with open(tmp_path / "a.partial", "ab") as file:
        file.write(b"half a row")
    assert (shard(data, tmp_path / "a.npy", (0, 16)) == expected).all()
    assert len(calls) == 5
    assert not (tmp_path / "a.partial").exists()


# A job that needs 4 seconds for 64 models, so that it can be killed in the middle.
SLOW_JOB = """
import sys, time
import numpy as np
from test_engine import TRAINING
from rethinking_backdoors.training import engine, mlp
train = mlp.train
def slow(*arguments, **options):
    time.sleep(0.25)
    return train(*arguments, **options)
mlp.train = slow
data = np.load(sys.argv[1])
engine.train_shards([(data["images"], data["labels"])], [sys.argv[2]], [9], alpha=0.5, models=(0, 64), training=TRAINING)
"""


def test_a_job_killed_by_the_system_goes_on_where_it_stopped(data, tmp_path, capsys):
    np.savez(tmp_path / "data.npz", images=data[0], labels=data[1])
    path, partial = tmp_path / "a.npy", tmp_path / "a.partial"
    command = [sys.executable, "-c", SLOW_JOB, str(tmp_path / "data.npz"), str(path)]
    folders = [str(Path(__file__).parent), str(Path(engine.__file__).parents[2])]
    job = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)})
    row = 2 * 30
    while job.poll() is None and not (partial.exists() and partial.stat().st_size >= 4 * row):
        time.sleep(0.01)
    job.send_signal(signal.SIGKILL)
    assert job.wait() == -signal.SIGKILL
    assert not path.exists()
    stored = partial.read_bytes()
    assert 4 * row <= len(stored) < 64 * row
    resumed = shard(data, path, (0, 64))
    assert f"{len(stored) // row // 4 * 4} models of an earlier run are taken up" in capsys.readouterr().out
    assert (resumed == shard(data, tmp_path / "expected.npy", (0, 64))).all()


def test_a_partial_file_of_other_settings_is_thrown_away(data, tmp_path, monkeypatch):
    expected = shard(data, tmp_path / "expected.npy", (0, 8))
    writer = margins.ShardWriter(tmp_path / "a.npy", 8, 30, {"root": "another"})
    writer.append(0, np.ones((4, 30)))
    assert (shard(data, tmp_path / "a.npy", (0, 8)) == expected).all()


def test_shards_are_read_back_in_the_order_of_their_models(data, tmp_path):
    whole = shard(data, tmp_path / "whole.npy", (0, 8))
    shard(data, tmp_path / "a.npy", (4, 8))
    shard(data, tmp_path / "b.npy", (0, 4))
    drawn, values, common = margins.open_with_masks([tmp_path / "a.npy", tmp_path / "b.npy"])
    assert (np.concatenate(values) == whole).all()
    assert (mask_columns(drawn, 0, 30) == masks(9, 0.5, range(8), 30)).all()
    assert common["models"] == list(range(8))
    assert read_json(tmp_path / "a.json")["models"] == [4, 8]


def test_shards_of_different_settings_are_refused(data, tmp_path):
    shard(data, tmp_path / "a.npy", (0, 4))
    shard(data, tmp_path / "b.npy", (4, 8), root=10)
    with pytest.raises(InputError, match="different settings"):
        margins.open_shards([tmp_path / "a.npy", tmp_path / "b.npy"])


def test_deployed_networks_see_the_kept_examples_only(data):
    images, labels = data
    kept = np.arange(20)
    trained = engine.train_deployed(images, labels, kept, root=1, models=3, training=TRAINING)
    disturbed = images.copy()
    disturbed[20:] = 0
    again = engine.train_deployed(disturbed, labels, kept, root=1, models=3, training=TRAINING)
    assert (trained.models.first == again.models.first).all()
    disturbed[:20] = 0
    other = engine.train_deployed(disturbed, labels, kept, root=1, models=3, training=TRAINING)
    assert not (trained.models.first == other.models.first).all()


def test_a_kind_of_network_that_does_not_exist_is_named(data, tmp_path):
    with pytest.raises(InputError, match="resnet50"):
        engine.train_shard(*data, tmp_path / "a.npy", root=1, alpha=0.5, models=(0, 4), training={"network": "resnet50"})
    with pytest.raises(InputError, match="width"):
        engine.train_shard(*data, tmp_path / "a.npy", root=1, alpha=0.5, models=(0, 4), training={"network": "mlp", "width": 3})
