import numpy as np
import pytest

from rethinking_backdoors.attacks.poisoning import poison, poisoned_set, read_poisoned
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import write_npz

TRIGGER = [[{"rows": [0, 0], "columns": [0, 0], "color": [255]}], [{"rows": [1, 1], "columns": [1, 1], "color": [255]}]]


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    return rng.integers(0, 200, (60, 3, 3, 1), dtype=np.uint8), np.arange(60) % 6


def draw(data, attack, count, seed=0, **more):
    rng = np.random.default_rng(seed)
    return poison(*data, attack=attack, trigger=TRIGGER, target_class=2, count=count, rng=rng, **more)


def test_dirty_label_takes_other_classes_and_changes_their_label(data):
    made = draw(data, "dirty_label", 20)
    assert len(set(made.index)) == 20
    assert (data[1][made.index] == made.true_label).all()
    assert (made.true_label != 2).all()
    assert (made.label == 2).all()


def test_clean_label_keeps_the_label(data):
    made = draw(data, "clean_label", 10)
    assert (made.true_label == 2).all()
    assert (made.label == 2).all()
    assert sorted(made.index) == list(range(2, 60, 6))


def test_each_image_carries_one_variant_and_nothing_else(data):
    made = draw(data, "dirty_label", 30)
    assert set(made.variant) == {0, 1}
    for index, image, variant in zip(made.index, made.image, made.variant, strict=True):
        place = (variant, variant, 0)
        assert image[place] == 255
        rest = image.copy()
        rest[place] = data[0][index][place]
        assert (rest == data[0][index]).all()


def test_the_adversarial_step_comes_before_the_trigger(data):
    made = draw(data, "clean_label_adversarial", 5, perturb=lambda images, labels: np.full_like(images, 7))
    assert all(image[v, v, 0] == 255 and (image == 7).sum() == 8 for image, v in zip(made.image, made.variant, strict=True))


def test_other_seeds_poison_other_examples(data):
    assert draw(data, "dirty_label", 20).index.tolist() == draw(data, "dirty_label", 20).index.tolist()
    assert draw(data, "dirty_label", 20).index.tolist() != draw(data, "dirty_label", 20, seed=1).index.tolist()


def test_too_many_are_refused(data):
    with pytest.raises(InputError, match="only 10 are eligible"):
        draw(data, "clean_label", 11)


def test_the_poisoned_set_differs_in_the_poison_only(data, tmp_path):
    made = draw(data, "dirty_label", 20)
    images, labels = poisoned_set(*data, made.arrays())
    clean = np.setdiff1d(np.arange(60), made.index)
    assert (images[clean] == data[0][clean]).all()
    assert (labels[clean] == data[1][clean]).all()
    assert (images[made.index] == made.image).all()
    assert (labels[made.index] == 2).all()
    write_npz(tmp_path / "images.npz", train_image=data[0], train_label=data[1])
    write_npz(tmp_path / "poison.npz", **made.arrays())
    read = read_poisoned(str(tmp_path / "images.npz"), str(tmp_path / "poison.npz"))
    assert (read[0] == images).all()
    assert (read[1] == labels).all()
