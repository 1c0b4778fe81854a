"""Every reader of files on damaged and hostile ones: it reads, or refuses in one sentence; it is quick and small.

A few hundred inputs a reader here; `make fuzz` makes 10,000 (FUZZ).
"""

import io
import json
import os
import random
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from fuzz.mutate import altered, damaged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from rethinking_backdoors.cli.common import checked, read_models, read_weights
from rethinking_backdoors.cli.strength import read_support
from rethinking_backdoors.config import load
from rethinking_backdoors.data import beton, idx, labelled
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import read_npz, write_array
from rethinking_backdoors.margins.shards import open_with_masks
from rethinking_backdoors.margins.store import ShardWriter

COUNT = int(os.environ.get("FUZZ", "200"))
SECONDS, MEGABYTES = 20, 1000
ROOT = Path(__file__).parents[2]
FUZZED = settings(
    max_examples=COUNT,
    deadline=None,
    derandomize=COUNT <= 200,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def refuses_or_reads(call):
    """Runs a reader, and returns what it says; anything but a result or one sentence is an error of ours."""
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        call()
        said = "read"
    except InputError as error:
        said = str(error)
    assert 0 < len(said) < 2000
    assert "\n" not in said
    assert "Memory ran out" not in said
    assert time.monotonic() - started < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024 * MEGABYTES
    return said


def of_array(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def of_arrays(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def of_torch(content):
    import torch

    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def of_image(kind):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)).save(file, kind)
    return file.getvalue()


def of_weights():
    import torch

    return of_torch({"weight": torch.ones(8, 8), "bias": torch.ones(8), "lam": torch.ones(8)})


RNG = np.random.default_rng(0)
TABLE = pd.DataFrame({"a": RNG.random(30), "b": ["x", "y", "z"] * 10, "label": ["u", "v", "w"] * 10})
IDX = b"\0\0\x08\x03" + np.array([5, 4, 3], ">u4").tobytes() + bytes(60)
# The name of a file, what a whole one holds, and what reads it.
FILES = {
    "matrix": ("w.npy", of_array(np.ones((8, 8), "f4")), lambda path: np.asarray(read_weights(path, "train-rows")).tobytes()),
    "torch": ("w.pt", of_weights(), lambda path: np.asarray(read_weights(path, None)).tobytes()),
    "masks": ("m.npy", of_array(RNG.random((20, 6)) < 0.5), lambda path: read_models(path, path)),
    "archive": ("d.npz", of_arrays(images=RNG.integers(0, 9, (6, 4, 4), np.uint8), labels=np.arange(6) % 3), labelled.read),
    "own archive": ("d.npz", of_arrays(index=np.arange(5), image=np.zeros((5, 2, 2, 1), np.uint8)), read_npz),
    "indices": ("s.txt", b"0\n3\n5 # the last\n", lambda path: read_support(path, 8)),
    "flagged": ("s.csv", b"index,score,rank,flagged\n0,.5,1,1\n1,.2,2,0\n", lambda path: read_support(path, 8)),
    "table": ("t.csv", TABLE.to_csv(index=False).encode(), lambda path: labelled.read(path, label="label")),
    "configuration": ("c.yaml", (ROOT / "config/digits.yaml").read_bytes(), lambda path: checked(load(path))),
}


@pytest.mark.parametrize("name", FILES)
@FUZZED
@given(data=st.data())
def test_damaged_files(name, data, tmp_path_factory):
    file, whole, reader = FILES[name]
    path = tmp_path_factory.getbasetemp() / f"fuzz-{name}" / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.draw(damaged(whole)))
    refuses_or_reads(lambda: reader(path))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF"])
@FUZZED
@given(data=st.data())
def test_damaged_images(kind, data, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / f"fuzz-{kind}"
    for label in ("a", "b"):
        (folder / label).mkdir(exist_ok=True, parents=True)
    (folder / "a/one.png").write_bytes(of_image("PNG"))
    (folder / f"b/two.{kind.lower()}").write_bytes(data.draw(damaged(of_image(kind))))
    refuses_or_reads(lambda: labelled.read(folder, side=8))


@FUZZED
@given(data=st.data())
def test_damaged_idx_files(data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "fuzz-idx" / idx.FILES["x_train"]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.draw(damaged(IDX)))
    refuses_or_reads(lambda: idx._read(path.parent, path.name))


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "00000.npy"
    known = {"root": "7", "alpha": 0.5, "settings": "a", "data": "b"}
    writer = ShardWriter(path, 6, 5, known)
    writer.append(0, np.random.default_rng(0).random((6, 5)))
    writer.finish(0, known)
    return path, path.read_bytes(), json.loads(path.with_suffix(".json").read_text())


@FUZZED
@given(data=st.data())
def test_altered_manifests(shard, data):
    path, _, manifest = shard
    path.with_suffix(".json").write_text(json.dumps(data.draw(altered(manifest))))
    refuses_or_reads(lambda: open_with_masks([path]))


@FUZZED
@given(data=st.data())
def test_damaged_shards_whose_checksum_fits(shard, data):
    path, whole, manifest = shard
    path.write_bytes(data.draw(damaged(whole)))
    path.with_suffix(".json").write_text(json.dumps(manifest))

    def read():
        from rethinking_backdoors.io import write_manifest

        write_manifest(path, {key: value for key, value in manifest.items() if key != "sha256"})
        open_with_masks([path])

    refuses_or_reads(read)
    path.write_bytes(whole)


@FUZZED
@given(data=st.data())
def test_altered_manifests_of_a_matrix(data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "fuzz-manifest.npy"
    write_array(path, np.ones((8, 8), np.float32), {"orientation": "rows are training examples"})
    known = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(data.draw(altered(known))))
    refuses_or_reads(lambda: read_weights(path, None))


@pytest.mark.parametrize("name", ["digits", "cifar10", "image_folder"])
@FUZZED
@given(data=st.data())
def test_altered_configurations(name, data):
    whole = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    refuses_or_reads(lambda: checked(data.draw(altered(whole))))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "train.beton"
    beton.write(path, np.zeros((6, 4, 4, 1), np.uint8), np.arange(6) % 3)
    return path, path.read_bytes()


def test_damaged_beton_files(dataset):
    """Without hypothesis, which keeps every two megabytes that it has made: 20 GB in the end."""
    path, whole = dataset
    for number in range(COUNT):
        chance, content = random.Random(number), bytearray(whole)
        at = chance.randrange(min(len(whole), 1 << chance.randint(4, 21)))  # heads are where the structure is
        if (kind := chance.choice(["bit", "cut", "repeat", "end"])) == "bit":
            content[at] ^= 1 << chance.randrange(8)
        elif kind == "end":
            del content[at:]
        else:
            content[at : at + (kind == "cut") * chance.randint(1, 64)] = whole[at : at + (kind == "repeat") * 64]
        path.write_bytes(content)
        assert refuses_or_reads(lambda: beton.read(path)) != "read"


def test_pipes_are_refused_and_not_waited_for(tmp_path):
    for name, reader in (
        ("w.npy", lambda path: read_weights(path, None)),
        ("d.npz", labelled.read),
        ("s.txt", lambda p: read_support(p, 4)),
    ):
        os.mkfifo(tmp_path / name)
        with pytest.raises(InputError, match="is no file, but a pipe"):
            reader(tmp_path / name)
