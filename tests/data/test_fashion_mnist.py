"""Where Fashion-MNIST is found, with made-up files of its layout."""

import gzip

import numpy as np
import pytest

from rethinking_backdoors.data import class_names, fashion_mnist, idx, image_shape, open_source
from rethinking_backdoors.errors import InputError


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Sixty training and twenty test images of ten classes; the first pixel says which image it is. No Debian package."""
    monkeypatch.delenv("FASHION_MNIST_ROOT", raising=False)
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "nowhere")
    for part, n in (("train", 60), ("test", 20)):
        images = np.zeros((n, 28, 28), np.uint8)
        images[:, 0, 0] = np.arange(n)
        for kind, array in (("x", images), ("y", (np.arange(n) % 10).astype(np.uint8))):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            path = tmp_path / "here" / f"{idx.FILES[f'{kind}_{part}']}.gz"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(gzip.compress(head + array.tobytes()))
    return tmp_path / "here"


def test_a_seed_draws_from_it_as_from_cifar10(files):
    section = {"source": "fashion_mnist", "train": 30, "test": 10, "spare": 0, "folder": str(files), "download": False}
    draw, facts = open_source(section)
    made = draw(np.random.default_rng(0))
    assert made["train_image"].shape == (30, *image_shape(section)) == (30, 28, 28, 1)
    assert (made["train_image"][:, 0, 0, 0] % 10 == made["train_label"]).all()
    assert np.bincount(made["test_label"]).tolist() == [1] * 10
    assert class_names(facts)[9] == "Ankle boot"
    assert facts["official"] is False
    assert "not the images and labels of Debian" in facts["note"]


def test_it_is_looked_for_where_it_may_lie_and_then_asked_for(files, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="install Debian's dataset-fashion-mnist, or name the folder"):
        fashion_mnist.find(tmp_path / "empty", download=False)
    monkeypatch.setattr(fashion_mnist, "DEBIAN", files)
    assert fashion_mnist.find(tmp_path / "empty", download=False) == files
    monkeypatch.setenv("FASHION_MNIST_ROOT", str(tmp_path / "empty"))
    with pytest.raises(InputError, match=r"FASHION_MNIST_ROOT is .*: correct it or unset it"):
        fashion_mnist.find(files, download=False)


def test_a_head_that_promises_more_bytes_than_a_word_counts_is_refused(tmp_path):
    head = b"\0\0\x08\x03" + np.array([3 << 24, 5 << 24, 1 << 26], ">u4").tobytes()  # the product is 0 in 64 bits
    (tmp_path / idx.FILES["x_train"]).write_bytes(head)
    with pytest.raises(InputError, match="promises"):
        idx.load(tmp_path)
