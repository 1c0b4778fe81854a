"""Reading CIFAR-10: both layouts agree, nothing foreign is read, and what is not official is said."""

import hashlib
import pickle
import urllib.error
from pathlib import Path

import numpy as np
import pytest

from rethinking_backdoors.data import cifar10
from rethinking_backdoors.errors import InputError

OFFICIAL = cifar10.OFFICIAL


@pytest.fixture
def arrays(monkeypatch):
    """CIFAR-10 in small: 60 training and 20 test images of noise."""
    shapes = {"x_train": (60, 32, 32, 3), "y_train": (60,), "x_test": (20, 32, 32, 3), "y_test": (20,)}
    monkeypatch.setattr(cifar10, "SHAPES", shapes)
    monkeypatch.delenv("CIFAR10_ROOT", raising=False)
    rng = np.random.default_rng(0)
    images = {name: rng.integers(0, 256, shapes[name], dtype=np.uint8) for name in ("x_train", "x_test")}
    return images | {"y_train": np.arange(60) % 10, "y_test": np.arange(20) % 10}


def planes(images):
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)


def write_layout(folder, arrays):
    """torchvision's files; returns their MD5s."""
    place = folder / "cifar-10-batches-py"
    place.mkdir(parents=True)
    train = {
        f"data_batch_{i + 1}": {"data": planes(x), "labels": y.tolist()}
        for i, (x, y) in enumerate(zip(np.split(arrays["x_train"], 5), np.split(arrays["y_train"], 5), strict=True))
    }
    test = {"test_batch": {"data": planes(arrays["x_test"]), "labels": arrays["y_test"].tolist()}}
    for name, content in (train | test | {"batches.meta": {"label_names": list("abcdefghij")}}).items():
        (place / name).write_bytes(pickle.dumps(content))
    return {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in place.iterdir()}


@pytest.fixture
def layout(arrays, tmp_path, monkeypatch):
    """A folder in torchvision's layout whose checksums torchvision takes for the right ones."""
    from torchvision.datasets import CIFAR10

    sums = write_layout(tmp_path / "layout", arrays)
    monkeypatch.setattr(CIFAR10, "train_list", [[f"data_batch_{i}", sums[f"data_batch_{i}"]] for i in range(1, 6)])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": sums["batches.meta"]})
    return tmp_path / "layout"


def npz(folder, arrays, **changes):
    folder.mkdir(exist_ok=True)
    np.savez(folder / "cifar10.npz", **{**arrays, **changes})
    return folder


def test_both_layouts_give_the_same_arrays_and_the_same_checksum(arrays, layout, tmp_path):
    read, facts = zip(*(cifar10.load(place, False) for place in (layout, npz(tmp_path / "npz", arrays))), strict=True)
    for name, array in arrays.items():
        for found in read:
            assert found[name].dtype == array.dtype
            assert (found[name] == array).all()
    assert facts[0]["sha256"] == facts[1]["sha256"]
    assert [each["origin"] for each in facts] == ["cifar-10-batches-py", "cifar10.npz"]
    # torchvision has checked its own layout; the archive is compared with the published checksums.
    assert [each["official"] for each in facts] == [True, False]


def test_the_checksum_is_of_the_bytes_in_order(arrays):
    joined = b"".join(arrays[name].tobytes() for name in ("x_train", "y_train", "x_test", "y_test"))
    assert cifar10.checksum(arrays) == hashlib.sha256(joined).hexdigest()


def test_official_is_said_only_where_every_checksum_fits(arrays, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "BATCH", 12)
    records = {
        part: [bytes([y]) + x.tobytes() for x, y in zip(planes(arrays[f"x_{part}"]), arrays[f"y_{part}"], strict=True)]
        for part in ("train", "test")
    }
    sums = {
        part: [hashlib.sha1(b"".join(rows[start : start + 12])).hexdigest() for start in range(0, len(rows), 12)]
        for part, rows in records.items()
    }
    monkeypatch.setattr(cifar10, "OFFICIAL", sums)
    facts = cifar10.load(npz(tmp_path, arrays), False)[1]
    assert (facts["official"], facts["note"]) == (True, "")
    other = arrays["x_test"].copy()
    other[3, 0, 0, 0] ^= 1
    facts = cifar10.load(npz(tmp_path, arrays, x_test=other), False)[1]
    assert (facts["official"], facts["note"]) == (False, "the test images or labels are not all the official ones")
    facts = cifar10.load(npz(tmp_path, arrays, x_test=other, test_inexact=np.array([3])), False)[1]
    assert (facts["official"], facts["note"]) == (False, "the file declares 1 test images to be inexact")
    facts = cifar10.load(npz(tmp_path, arrays, y_train=arrays["y_train"][::-1]), False)[1]
    assert (facts["official"], facts["note"]) == (False, "the training images or labels are not the official ones")


def test_wrong_md5s_are_refused_before_anything_is_unpickled(arrays, tmp_path, monkeypatch):
    write_layout(tmp_path, arrays)

    def no_unpickling(*_, **__):
        raise AssertionError("a pickle was read")

    monkeypatch.setattr(pickle, "load", no_unpickling)
    with pytest.raises(InputError, match="does not have the MD5s of the official files") as error:
        cifar10.load(tmp_path, False)
    assert str(tmp_path / "cifar-10-batches-py") in str(error.value)


def test_damaged_archives_are_refused_in_one_sentence(arrays, tmp_path):
    npz(tmp_path, arrays)
    path = tmp_path / "cifar10.npz"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"cifar10\.npz is truncated"):
        cifar10.load(tmp_path, False)
    np.savez_compressed(path, **arrays)
    damaged = bytearray(path.read_bytes())
    damaged[500:520] = bytes(20)
    path.write_bytes(damaged)
    with pytest.raises(InputError, match=r"cifar10\.npz is truncated"):
        cifar10.load(tmp_path, False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"x_test": np.zeros((20, 3, 32, 32), np.uint8)}, r"x_test is uint8 \(20, 3, 32, 32\)"),
        ({"x_train": np.zeros((60, 32, 32, 3))}, "x_train is float64"),
        ({"y_train": np.zeros(60, np.int32)}, "y_train is int32"),
        ({"y_test": np.arange(20)}, "y_test has labels outside 0 to 9"),
        ({"y_train": np.array([None] * 60)}, "truncated or no .npz file"),
    ],
)
def test_foreign_arrays_are_refused_in_one_sentence(arrays, tmp_path, changes, said):
    with pytest.raises(InputError, match=said):
        cifar10.load(npz(tmp_path, arrays, **changes), False)


def test_a_lacking_array_is_named(arrays, tmp_path):
    del arrays["y_test"]
    with pytest.raises(InputError, match="lacks the array y_test"):
        cifar10.load(npz(tmp_path, arrays), False)


def test_the_environment_comes_before_the_configured_folder(arrays, tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR10_ROOT", str(npz(tmp_path / "named", arrays)))
    assert cifar10.find(tmp_path / "configured", True) == tmp_path / "named"
    # A wrong name is an error: nobody wants a download, or other data, in its stead.
    npz(tmp_path / "configured", arrays)
    monkeypatch.setenv("CIFAR10_ROOT", str(tmp_path / "elsewhere"))
    with pytest.raises(InputError, match=r"CIFAR10_ROOT is .*elsewhere"):
        cifar10.find(tmp_path / "configured", True)


def test_missing_data_are_downloaded_whole_or_end_in_one_sentence(arrays, layout, tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    place = tmp_path / "data"
    with pytest.raises(InputError, match=r"CIFAR-10 is not in .*data: put .* or set images\.download to true"):
        cifar10.load(place, False)

    def no_network(_):
        raise urllib.error.URLError("no route\nto host")

    monkeypatch.setattr(CIFAR10, "download", no_network)
    with pytest.raises(InputError, match=r"could not be downloaded .*no route to host.*put cifar-10-batches-py"):
        cifar10.load(place, True)
    assert list(place.iterdir()) == []

    monkeypatch.setattr(CIFAR10, "download", lambda self: write_layout(Path(self.root), arrays))
    assert (cifar10.load(place, True)[0]["x_train"] == arrays["x_train"]).all()
    assert [path.name for path in place.iterdir()] == ["cifar-10-batches-py"]


def test_the_real_training_images_are_the_official_ones(real_cifar10):
    arrays, facts = real_cifar10
    assert cifar10._batch_sums(arrays["x_train"], arrays["y_train"]) == OFFICIAL["train"]
    assert "training" not in facts["note"]
    assert facts["official"] == (facts["note"] == "")
    assert (np.bincount(arrays["y_train"]) == 5000).all()
    assert (np.bincount(arrays["y_test"]) == 1000).all()
