import numpy as np
import pytest

from rethinking_backdoors.data import cifar10, digits, image_shape, open_source, split, stratified
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import read_npz, write_npz


@pytest.fixture
def arrays():
    """100 training and 50 test images of five classes; the first pixel says which image it is."""
    images = {name: np.zeros((count, 2, 2, 3), np.uint8) for name, count in (("x_train", 100), ("x_test", 50))}
    for array in images.values():
        array[:, 0, 0, 0] = np.arange(len(array))
    return images | {"y_train": np.arange(100) // 20, "y_test": np.arange(50) % 5}


def drawn(arrays, seed=0, **counts):
    return split(arrays, np.random.default_rng(seed), **{"train": 100, "test": 50, "spare": 0, **counts})


def test_everything_comes_in_its_own_order(arrays):
    made = drawn(arrays)
    assert list(made) == ["train_image", "train_label", "test_image", "test_label"]
    for part in ("train", "test"):
        assert (made[f"{part}_image"] == arrays[f"x_{part}"]).all()
        assert (made[f"{part}_label"] == arrays[f"y_{part}"]).all()


def test_a_part_is_drawn_by_the_seed_with_every_class_in_its_share(arrays):
    made = drawn(arrays, train=40, test=10, spare=30)
    assert np.bincount(made["train_label"]).tolist() == [8] * 5
    assert np.bincount(made["test_label"]).tolist() == [2] * 5
    number, spare = made["train_image"][:, 0, 0, 0], made["spare_image"][:, 0, 0, 0]
    assert (arrays["y_train"][number] == made["train_label"]).all()
    assert np.bincount(arrays["y_train"][spare]).tolist() == [6] * 5
    assert len(np.union1d(number, spare)) == 70
    assert (drawn(arrays, train=40)["train_image"] == made["train_image"]).all()
    assert (drawn(arrays, seed=1, train=40)["train_image"] != made["train_image"]).any()


def test_shares_are_right_to_one_where_they_do_not_divide():
    labels = np.repeat([0, 1, 2], [70, 20, 10])
    draws = [np.bincount(labels[stratified(labels, 25, np.random.default_rng(seed))], minlength=3) for seed in range(200)]
    assert np.abs(np.array(draws) - [17.5, 5, 2.5]).max() < 1
    # Over many draws no class and no example is preferred.
    np.testing.assert_allclose(np.mean(draws, axis=0), [17.5, 5, 2.5], atol=0.15)
    often = np.bincount(np.concatenate([stratified(labels, 25, np.random.default_rng(seed)) for seed in range(400)]))
    assert often.min() > 60
    assert often.max() < 140


def test_too_many_are_refused(arrays):
    with pytest.raises(InputError, match="asks for 30 examples where only 20 are left"):
        drawn(arrays, train=80, spare=30)


def test_the_named_arrays_unpack_in_order(arrays, tmp_path):
    write_npz(tmp_path / "seed0.npz", **drawn(arrays, spare=0, train=80) | {"spare_image": arrays["x_train"][:3]})
    images, labels = read_npz(tmp_path / "seed0.npz", "train_image", "train_label").values()
    assert images.shape == (80, 2, 2, 3)
    assert labels.shape == (80,)


def test_the_shape_of_images_is_known_before_they_are_read():
    assert image_shape({"source": "digits", "train": 100}) == digits(100, np.random.default_rng(0))["train_image"].shape[1:]
    assert image_shape({"source": "cifar10"}) == cifar10.SHAPES["x_train"][1:]
    assert image_shape({"source": "folder", "side": 48}) == (48, 48, 3)


def test_digits_are_drawn_as_ever_and_named():
    draw, facts = open_source({"source": "digits", "train": 200})
    made, before = draw(np.random.default_rng(5)), digits(200, np.random.default_rng(5))
    assert all((made[name] == before[name]).all() for name in before)
    assert facts["source"] == "digits"
    assert facts["origin"].startswith("scikit-learn ")
    assert len(facts["sha256"]) == 64
    assert (facts["official"], facts["note"]) == (True, "")


def test_cifar10_is_opened_with_its_settings(arrays, monkeypatch):
    asked = []
    monkeypatch.setattr(cifar10, "load", lambda *arguments: asked.append(arguments) or (arrays, {"source": "cifar10"}))
    images = {"source": "cifar10", "train": 60, "test": 20, "spare": 5, "folder": "data", "download": False}
    draw, facts = open_source(images)
    assert (asked, facts) == ([("data", False)], {"source": "cifar10"})
    assert len(draw(np.random.default_rng(0))["spare_image"]) == 5


def test_a_real_subset_is_stratified_and_apart_from_the_spare_images(real_cifar10):
    arrays, _ = real_cifar10
    made = drawn(arrays, train=4000, test=1000, spare=2000)
    assert np.bincount(made["train_label"]).tolist() == [400] * 10
    assert np.bincount(made["test_label"]).tolist() == [100] * 10
    train, spare = ({image.tobytes() for image in made[name]} for name in ("train_image", "spare_image"))
    assert not train & spare
