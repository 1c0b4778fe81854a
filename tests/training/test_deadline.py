import math

import numpy as np
import pytest
from test_engine import TRAINING, data, shard  # noqa: F401

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import read_json
from rethinking_backdoors.margins import store
from rethinking_backdoors.margins.arrays import mask_columns
from rethinking_backdoors.margins.shards import missing, open_with_masks
from rethinking_backdoors.margins.store import shard_name
from rethinking_backdoors.margins.subsets import masks
from rethinking_backdoors.training import engine
from rethinking_backdoors.training.deadline import Deadline


class Clock:
    """A clock that goes on by ``step`` at every look."""

    def __init__(self, step=0.0):
        self.now, self.step = 0.0, step

    def __call__(self):
        self.now += self.step
        return self.now


def test_what_fits():
    clock = Clock()
    deadline = Deadline(10, clock)
    assert deadline.fits(10)
    clock.now = 4
    assert (deadline.left, deadline.fits(6), deadline.fits(6.1)) == (6, True, False)
    deadline.end(15, None)
    assert not deadline.fits(0)
    assert Deadline().fits(1e9)
    assert math.isinf(Deadline().left)


def test_a_shard_that_ends_early_has_what_there_was_time_for(data, tmp_path):  # noqa: F811
    whole = shard(data, tmp_path / "whole.npy", (0, 16))
    given = {"root": 9, "alpha": 0.5, "models": (0, 16), "training": TRAINING, "deadline": Deadline(0)}
    assert engine.train_shard(*data, tmp_path / "folder/00000.npy", **given) == 4  # one block
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["000000-000004.json", "000000-000004.npy"]
    assert (np.load(tmp_path / "folder/000000-000004.npy") == whole[:4]).all()
    assert missing(tmp_path / "folder", (0, 16), 16) == [(4, 16)]
    assert (
        engine.train_shard(*data, tmp_path / "folder/000004-000016.npy", **{**given, "models": (4, 16), "deadline": None}) == 16
    )
    assert missing(tmp_path / "folder", (0, 16), 16) == []
    _, rows, common = open_with_masks(sorted((tmp_path / "folder").glob("*.npy")))
    assert (np.concatenate(rows) == whole).all()
    assert common["models"] == list(range(16))


def test_what_is_missing_is_cut_where_shards_are(data, tmp_path):  # noqa: F811
    assert missing(tmp_path / "nothing", (3, 30), 10) == [(3, 10), (10, 20), (20, 30)]
    shard(data, tmp_path / "000012-000016.npy", (12, 16))
    assert missing(tmp_path, (0, 20), 10) == [(0, 10), (10, 12), (16, 20)]
    (tmp_path / "000012-000016.json").unlink()  # what a kill left behind
    assert missing(tmp_path, (0, 20), 10) == [(0, 10), (10, 20)]
    (tmp_path / "000012-000016.json").write_text("{}")
    with pytest.raises(InputError):
        missing(tmp_path, (0, 20), 10)


def test_names_of_shards():
    assert shard_name((100, 125), 25) == "00004"
    assert shard_name((100, 120), 25) == "000100-000120"
    assert shard_name((110, 135), 25) == "000110-000135"
    assert shard_name((0, 25)) == "000000-000025"


def test_diverged_models_are_named_and_no_reader_sees_them(tmp_path, capsys):
    rows = np.random.default_rng(0).normal(size=(6, 30)).astype(np.float16)
    rows[1, 3], rows[4] = np.nan, np.inf
    writer = store.ShardWriter(tmp_path / "a.npy", 6, 30, {"root": "9"})
    writer.append(0, rows)
    assert writer.finish(10, {"alpha": 0.5, "root": "9", "settings": "s", "data": "d"}) == 16
    assert read_json(tmp_path / "a.json")["diverged"] == [11, 14]
    assert "left out of every fit: 11, 14" in capsys.readouterr().out
    drawn, (kept,), common = open_with_masks([tmp_path / "a.npy"])
    assert common["models"] == [10, 12, 13, 15]
    assert (kept == rows[[0, 2, 3, 5]]).all()
    assert (mask_columns(drawn, 0, 30) == masks(9, 0.5, [10, 12, 13, 15], 30)).all()


def test_what_changes_the_time_only_does_not_separate_shards(data, tmp_path):  # noqa: F811
    shard(data, tmp_path / "a.npy", (0, 4))
    other = {**TRAINING, "models_at_once": 2}
    engine.train_shard(*data, tmp_path / "b.npy", root=9, alpha=0.5, models=(4, 8), training=other)
    assert open_with_masks([tmp_path / "a.npy", tmp_path / "b.npy"])[2]["models"] == list(range(8))
