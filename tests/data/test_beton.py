import numpy as np
import pytest

from rethinking_backdoors.errors import InputError

pytest.importorskip("ffcv", reason="ffcv is not installed here: the loader 'tensor' does without it")
from rethinking_backdoors.data import beton


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3)])
def test_a_training_set_comes_back_exactly_and_in_order(tmp_path, shape):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (1500, *shape), dtype=np.uint8), rng.integers(0, 10, 1500)
    beton.write(tmp_path / "a.beton", images, labels)
    again = beton.read(tmp_path / "a.beton")
    assert (again[0] == images).all()
    assert (again[1] == labels).all()
    assert (again[0].dtype, again[1].dtype) == (np.uint8, np.int64)
    beton.write(tmp_path / "b.beton", images, labels)
    assert (tmp_path / "a.beton").read_bytes() == (tmp_path / "b.beton").read_bytes()


@pytest.mark.parametrize("damage", ["empty", "truncated", "foreign", "missing"])
def test_a_damaged_file_is_named_in_one_sentence(tmp_path, damage):
    path = tmp_path / "train.beton"
    beton.write(path, np.zeros((50, 8, 8, 1), np.uint8), np.zeros(50, np.int64))
    whole = path.read_bytes()
    contents = {"empty": b"", "truncated": whole[: len(whole) // 2], "foreign": b"PK" + bytes(5000)}
    path.write_bytes(contents.get(damage, b""))
    if damage == "missing":
        path.unlink()
    with pytest.raises(InputError, match=r"train\.beton") as error:
        beton.read(path)
    assert "\n" not in str(error.value)


def test_a_stream_gives_the_examples_that_were_asked_for_in_their_order(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (300, 4, 4, 3), dtype=np.uint8), rng.integers(0, 10, 300)
    beton.write(tmp_path / "a.beton", images, labels)
    subset = rng.permutation(300)[:50]
    orders = np.stack([rng.permutation(subset) for _ in range(3)])
    # Kept in a list on purpose: ffcv's own batches would overwrite each other there.
    batches = list(beton.stream(tmp_path / "a.beton", orders, 16))
    expected = [order[start : start + 16] for order in orders for start in (0, 16, 32)]
    assert len(batches) == len(expected)
    for (image, label), rows in zip(batches, expected, strict=True):
        assert (image == images[rows]).all()
        assert (label == labels[rows]).all()
