import gzip

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rethinking_backdoors.data import idx, tables
from rethinking_backdoors.data.labelled import Labelled, images_or_features, read
from rethinking_backdoors.errors import InputError

RNG = np.random.default_rng(0)
LABELS = np.arange(120) % 6


def test_images_and_features_of_an_archive(tmp_path):
    images = RNG.integers(0, 256, (120, 5, 4), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=LABELS)
    made = read(tmp_path / "a.npz")
    assert (made.values == images[..., None]).all()
    assert (made.labels == LABELS).all()
    np.savez(tmp_path / "b.npz", x=images / 255, y=LABELS)
    assert (read(tmp_path / "b.npz").values == images[..., None]).all()
    np.savez(tmp_path / "c.npz", features=RNG.standard_normal((120, 7)), labels=LABELS)
    assert read(tmp_path / "c.npz").values.shape == (120, 7)


def test_arrays_with_their_labels_beside_them(tmp_path):
    np.save(tmp_path / "x.npy", RNG.standard_normal((120, 3)))
    np.save(tmp_path / "y.npy", LABELS)
    assert read(tmp_path / "x.npy", labels=tmp_path / "y.npy").labels[7] == 1
    with pytest.raises(InputError, match=r"holds no labels: give an \.npy file of them with --labels"):
        read(tmp_path / "x.npy")


def test_a_folder_of_images_knows_its_files_and_classes(tmp_path):
    for number in range(120):
        place = tmp_path / ("cats" if number % 2 else "dogs")
        place.mkdir(exist_ok=True)
        Image.fromarray(np.full((12, 12, 3), number, np.uint8)).save(place / f"{number:03}.png")
    made = read(tmp_path, side=8)
    assert made.values.shape == (120, 8, 8, 3)
    assert made.files[0] == "cats/001.png"
    assert made.values[0, 0, 0, 0] == 1
    assert made.class_name(1) == "dogs"
    assert made.class_name(7) == "7"


def test_a_table_is_standardised_and_its_categories_become_columns(tmp_path):
    table = pd.DataFrame({"size": np.arange(120.0), "kind": ["a", "b", "b"] * 40, "answer": np.array(["no", "yes"])[LABELS % 2]})
    table.to_csv(tmp_path / "t.csv", index=False)
    made = read(tmp_path / "t.csv", label="answer")
    assert made.columns == ["size", "kind = a", "kind = b"]
    assert made.values[:, 0].mean() == pytest.approx(0, abs=1e-6)
    assert made.values[:, 0].std() == pytest.approx(1)
    assert made.values[:3, 1].tolist() == [1, 0, 0]
    assert made.classes == ["no", "yes"]
    assert (made.labels == LABELS % 2).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="answer"), "has no column answer: it has size, name"),
        (lambda t: t.assign(size=np.where(np.arange(120) == 5, np.nan, 1)), "missing values in the column size"),
        (lambda t: t.assign(size=np.where(np.arange(120) == 5, np.inf, 1)), "infinite values in the column size"),
        (lambda t: t.assign(name=[f"n{i}" for i in range(120)]), "the column name has 120 different texts"),
        (lambda t: t.assign(answer=1), "has one label only"),
        (lambda t: t[["answer"]], "has no column but the label"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path, change, message):
    table = pd.DataFrame({"size": np.arange(120.0), "name": ["a", "b"] * 60, "answer": LABELS})
    change(table).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match=message):
        tables.load(tmp_path / "t.csv", "answer")


def write_idx(path, array):
    head = b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))


def test_the_files_of_mnist_are_read_and_damage_is_named(tmp_path):
    images = RNG.integers(0, 256, (120, 6, 5), dtype=np.uint8)
    for part in ("train", "test"):
        write_idx(tmp_path / f"{idx.FILES[f'x_{part}']}.gz", images)
        write_idx(tmp_path / f"{idx.FILES[f'y_{part}']}.gz", LABELS)
    made = read(tmp_path)
    assert (made.values[..., 0] == images).all()
    assert (made.labels == LABELS).all()
    path = tmp_path / f"{idx.FILES['x_train']}.gz"
    whole = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(whole[:-3]))
    with pytest.raises(InputError, match="is truncated: its head promises"):
        read(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="truncated or no gzip file"):
        read(tmp_path)
    path.write_bytes(gzip.compress(b"abcd"))
    with pytest.raises(InputError, match="no IDX file of bytes"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("values", "labels", "message"),
    [
        (np.zeros((120, 3)), LABELS[:100], "120 examples and labels of shape"),
        (np.zeros((120, 3)), LABELS - 1, "labels must be whole numbers from 0 on"),
        (np.zeros((120, 3)), LABELS.astype(float), "labels must be whole numbers from 0 on"),
        (np.zeros((120, 3)), LABELS * 0, "are too few"),
        (np.zeros((50, 3)), LABELS[:50], "are too few"),
        (np.zeros((120, 3)), LABELS * 1000, "labels must be numbered from 0 on"),
        (np.full((120, 3), np.nan), LABELS, "not finite"),
    ],
)
def test_labels_and_examples_have_to_fit(values, labels, message):
    with pytest.raises(InputError, match=message):
        Labelled(values, labels)


def test_arrays_that_are_neither_images_nor_features_are_refused():
    for array, message in (
        (np.zeros((120, 4, 4, 2)), "images .* are needed"),
        (np.full((120, 4, 4), -3.0), "pixels run from -3"),
        (np.full((120, 4, 4), 300), "pixels run from 300"),
        (np.array(["a"] * 120), "numbers are needed"),
        (np.zeros(120), "are needed"),
    ):
        with pytest.raises(InputError, match=message):
            images_or_features(array)


def test_labels_of_any_whole_type_become_what_torch_takes():
    for kind in (np.uint8, np.int32, np.uint64):
        assert Labelled(np.zeros((120, 3)), LABELS.astype(kind)).labels.dtype == np.int64


def test_what_is_not_a_data_set_is_named_in_one_sentence(tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 no archive")
    (tmp_path / "note.txt").write_text("hello")
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    for name, message in (
        ("broken.npz", "truncated or no .npz file"),
        ("note.txt", "is no folder and neither"),
        ("other.npz", "holds weights: images or features, and labels are needed"),
        ("missing.csv", "does not exist"),
    ):
        with pytest.raises(InputError, match=message):
            read(tmp_path / name)
    with pytest.raises(InputError, match="--label names a column of a table"):
        read(tmp_path / "other.npz", label="x")
