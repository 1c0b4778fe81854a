import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import read_json, write_array
from rethinking_backdoors.margins import shards, store
from rethinking_backdoors.margins.arrays import mask_columns
from rethinking_backdoors.margins.subsets import masks, subset
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.training import engine, features, mlp
from rethinking_backdoors.training.interface import device_name

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
    engine.train_shard(*data, path, root=root, alpha=0.5, models=models, training=TRAINING)
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


def dying(monkeypatch):
    """From now on the third block that is trained kills its job; returns a list that gets one entry a block."""
    calls, train = [], mlp.train

    def dies_in_the_third_block(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train(*arguments, **options)

    monkeypatch.setattr(mlp, "train", dies_in_the_third_block)
    return calls


def test_a_killed_job_goes_on_where_it_stopped(data, tmp_path, monkeypatch):
    expected = shard(data, tmp_path / "expected.npy", (0, 16))
    calls = dying(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        shard(data, tmp_path / "a.npy", (0, 16))
    assert not (tmp_path / "a.npy").exists()
    # A row that was cut off in the middle does not count.
    with open(tmp_path / "a.partial", "ab") as file:
        file.write(b"half a row")
    assert (shard(data, tmp_path / "a.npy", (0, 16)) == expected).all()
    assert len(calls) == 5
    assert not (tmp_path / "a.partial").exists()


def test_what_was_trained_on_other_data_is_not_taken_up(data, tmp_path, monkeypatch):
    """The same settings and number of examples, but one poisoned pixel more, or one label."""
    images, labels = data[0].copy(), data[1].copy()
    images[3, 0, 0], labels[4] = 255 - images[3, 0, 0], (labels[4] + 1) % 3
    others = [(images, data[1]), (data[0], labels)]
    expected = [shard(other, tmp_path / f"expected{number}.npy", (0, 16)) for number, other in enumerate(others)]
    for number, other in enumerate(others):
        with monkeypatch.context() as patched:
            calls = dying(patched)
            with pytest.raises(KeyboardInterrupt):
                shard(data, tmp_path / f"{number}.npy", (0, 16))
            assert (shard(other, tmp_path / f"{number}.npy", (0, 16)) == expected[number]).all()
        assert len(calls) == 3 + 4


def test_a_job_killed_before_the_manifest_trains_nothing_again(data, tmp_path, monkeypatch):
    expected = shard(data, tmp_path / "expected.npy", (0, 16))
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(store, "write_manifest", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
        shard(data, tmp_path / "a.npy", (0, 16))
    assert not (tmp_path / "a.json").exists()
    calls = dying(monkeypatch)
    assert (shard(data, tmp_path / "a.npy", (0, 16)) == expected).all()
    assert calls == []
    assert read_json(tmp_path / "a.json")["models"] == [0, 16]


def test_the_seconds_of_a_job_are_those_of_all_its_runs(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(store.time, "perf_counter", lambda: clock[0])
    for first, start, seconds in ((0, 100, 5), (4, 900, 7)):
        clock[0] = start
        writer = store.ShardWriter(tmp_path / "a.npy", 8, 30, {"root": "1"})
        assert writer.done == first
        clock[0] += seconds
        writer.append(first, np.ones((4, 30)))
        writer.close()
    assert writer.seconds == 12


def test_a_gpu_is_called_by_its_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", {"cuda:1": "NVIDIA H100"}.__getitem__)
    assert device_name("cuda:1") == "cuda:1, NVIDIA H100"
    assert device_name("cpu") == "cpu"


def test_networks_on_features_see_what_the_extractor_makes(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (30, 9, 9, 3), dtype=np.uint8), rng.integers(0, 3, 30)
    settings = features.FeatureSettings(patches=8, size=3, stride=2, grid=2, threshold=0.5, whitening=0.1, components=6)
    one, other = (features.Extractor(features.fit(images, settings, np.random.default_rng(s)), settings) for s in (1, 2))
    rest = {"alpha": 0.5, "models": (0, 4), "training": TRAINING}
    engine.train_shard(images, labels, tmp_path / "a.npy", root=9, **rest, extractor=one)
    expected = shard((features.extract(images, one), labels), tmp_path / "expected.npy", (0, 4))
    assert (np.load(tmp_path / "a.npy") == expected).all()
    assert len({engine.fingerprint(images, labels, extractor) for extractor in (None, one, other)}) == 3


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
engine.train_shard(data["images"], data["labels"], sys.argv[2], root=9, alpha=0.5, models=(0, 64), training=TRAINING)
"""


def test_a_job_killed_by_the_system_goes_on_where_it_stopped(data, tmp_path, capsys):
    np.savez(tmp_path / "data.npz", images=data[0], labels=data[1])
    path, partial = tmp_path / "a.npy", tmp_path / "a.partial"
    command = [sys.executable, "-c", SLOW_JOB, str(tmp_path / "data.npz"), str(path)]
    folders = [str(Path(__file__).parent), str(Path(engine.__file__).parents[2])]
    job = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)})
    row, tag = 2 * 30, tmp_path / "a.partial.json"
    while job.poll() is None and not (tag.exists() and read_json(tag)["rows"] >= 4):
        time.sleep(0.01)
    job.send_signal(signal.SIGKILL)
    assert job.wait() == -signal.SIGKILL
    assert not path.exists()
    stored = partial.read_bytes()
    assert 4 * row <= len(stored) < 64 * row
    sure = read_json(tag)["rows"]
    assert len(stored) // row - sure in (0, 4)  # what was written and not noted yet is made again
    resumed = shard(data, path, (0, 64))
    assert f"{sure} models of an earlier run are taken up" in capsys.readouterr().out
    assert (resumed == shard(data, tmp_path / "expected.npy", (0, 64))).all()


def test_a_partial_file_of_other_settings_is_thrown_away(data, tmp_path, monkeypatch):
    expected = shard(data, tmp_path / "expected.npy", (0, 8))
    writer = store.ShardWriter(tmp_path / "a.npy", 8, 30, {"root": "another"})
    writer.append(0, np.ones((4, 30)))
    writer.close()
    assert (shard(data, tmp_path / "a.npy", (0, 8)) == expected).all()


def test_shards_are_read_back_in_the_order_of_their_models(data, tmp_path):
    whole = shard(data, tmp_path / "whole.npy", (0, 8))
    shard(data, tmp_path / "a.npy", (4, 8))
    shard(data, tmp_path / "b.npy", (0, 4))
    drawn, values, common = shards.open_with_masks([tmp_path / "a.npy", tmp_path / "b.npy"])
    assert (np.concatenate(values) == whole).all()
    assert (mask_columns(drawn, 0, 30) == masks(9, 0.5, range(8), 30)).all()
    assert common["models"] == list(range(8))
    assert read_json(tmp_path / "a.json")["models"] == [4, 8]


def test_shards_of_different_settings_are_refused(data, tmp_path):
    shard(data, tmp_path / "a.npy", (0, 4))
    shard(data, tmp_path / "b.npy", (4, 8), root=10)
    with pytest.raises(InputError, match="different settings"):
        shards.open_shards([tmp_path / "a.npy", tmp_path / "b.npy"])


def test_shards_of_different_data_are_refused(data, tmp_path):
    shard(data, tmp_path / "a.npy", (0, 4))
    shard((255 - data[0], data[1]), tmp_path / "b.npy", (4, 8))
    with pytest.raises(InputError, match=r"a\.npy and .*b\.npy were trained on different data"):
        shards.open_shards([tmp_path / "a.npy", tmp_path / "b.npy"])


def test_the_device_may_differ_between_shards(data, tmp_path, monkeypatch):
    shard(data, tmp_path / "a.npy", (0, 4))
    monkeypatch.setattr(engine, "device_name", lambda device: "cuda, NVIDIA H100")
    shard(data, tmp_path / "b.npy", (4, 8))
    assert read_json(tmp_path / "b.json")["device"] == "cuda, NVIDIA H100"
    assert shards.open_shards([tmp_path / "a.npy", tmp_path / "b.npy"])[1]["models"] == list(range(8))


def test_models_that_two_shards_hold_are_refused(data, tmp_path):
    paths = [tmp_path / f"{name}.npy" for name in "abc"]
    for path, models in zip(paths, ((0, 6), (4, 8), (8, 12)), strict=True):
        shard(data, path, models)
    with pytest.raises(InputError, match=r"a\.npy and .*b\.npy both hold the models 4 to 5"):
        shards.open_shards(paths)
    with pytest.raises(InputError, match="both hold the models 0 to 5"):
        shards.open_shards([paths[0], paths[0]])
    assert len(shards.open_shards(paths[1:])[1]["models"]) == 8


def test_an_array_that_is_no_shard_is_named(data, tmp_path):
    shard(data, tmp_path / "a.npy", (0, 4))
    write_array(tmp_path / "w.npy", np.eye(30), {"estimator": "difference"})
    with pytest.raises(InputError, match=r"w\.npy is no shard of margins"):
        shards.open_shards([tmp_path / "a.npy", tmp_path / "w.npy"])


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


def test_modules_are_the_first_models_of_a_shard(tmp_path):
    """The margins of ordinary torch modules beside those that the engine stores in half precision."""
    rng = np.random.default_rng(4)
    images, labels = rng.integers(0, 256, (60, 4, 4, 1), dtype=np.uint8), np.arange(60) % 3
    common = {"root": 7, "alpha": 0.5, "training": {**TRAINING, "models_at_once": 2}}
    engine.train_shard(images, labels, tmp_path / "00000.npy", models=(0, 4), **common)
    networks, inputs = engine.train_modules(images, labels, models=3, **common)
    stored = np.load(tmp_path / "00000.npy")
    for network, row in zip(networks, stored[:3], strict=True):
        logits = network(inputs).detach().numpy()
        own = logits[range(60), labels]
        logits[range(60), labels] = -np.inf
        np.testing.assert_allclose(own - logits.max(1), row, atol=5e-3)
    with pytest.raises(InputError, match="mlp only"):
        engine.train_modules(images, labels, models=1, root=7, alpha=0.5, training={**TRAINING, "network": "resnet9"})
