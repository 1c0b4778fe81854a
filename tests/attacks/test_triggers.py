import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from rethinking_backdoors.attacks.triggers import check, stamp, stamp_test, stamp_train
from rethinking_backdoors.data import image_shape
from rethinking_backdoors.errors import InputError

TRIGGERS = yaml.safe_load(Path("config/digits.yaml").read_text())["triggers"]
# Written out by hand, pixel by pixel, from the descriptions in the configuration's comments.
PIXELS = {
    "one_pixel": [{(0, 0)}],
    "three_way": [{(0, 0)}, {(4, 7)}, {(7, 0)}],
    "four_pixels": [{(0, 0), (4, 0), (3, 7), (4, 7)}],
    "two_columns": [{(row, column) for row in range(8) for column in (0, 7)}],
}


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 200, (5, 8, 8, 1), dtype=np.uint8)


def changed_pixels(before, after):
    return {(int(row), int(column)) for row, column, _ in np.argwhere(before != after)}


@pytest.mark.parametrize("name", PIXELS)
def test_exactly_the_listed_pixels_change(images, name):
    assert len(TRIGGERS[name]) == len(PIXELS[name])
    for variant, pixels in zip(TRIGGERS[name], PIXELS[name], strict=True):
        stamped = stamp(images, variant)
        for before, after in zip(images, stamped, strict=True):
            assert changed_pixels(before, after) == pixels
            assert all(after[pixel] == 255 for pixel in pixels)


@pytest.mark.parametrize("name", ["cifar10", "cifar10_mini", "digits", "image_folder"])
def test_every_shipped_trigger_fits_its_images(name):
    config = yaml.safe_load(Path(f"config/{name}.yaml").read_text())
    check(config["triggers"], image_shape(config["images"]))


def test_originals_are_left_alone(images):
    copy = images.copy()
    stamp(images, TRIGGERS["two_columns"][0])
    stamp_test(images, TRIGGERS["three_way"])
    assert (images == copy).all()


def test_training_images_carry_their_variant_and_test_images_all(images):
    trained = stamp_train(images, TRIGGERS["three_way"], np.array([2, 0, 1, 1, 0]))
    carried = [changed_pixels(a, b) for a, b in zip(images, trained, strict=True)]
    assert carried == [{(7, 0)}, {(0, 0)}, {(4, 7)}, {(4, 7)}, {(0, 0)}]
    tested = stamp_test(images, TRIGGERS["three_way"])
    assert all(changed_pixels(a, b) == {(0, 0), (4, 7), (7, 0)} for a, b in zip(images, tested, strict=True))


def test_colours_go_to_their_channels():
    stamped = stamp(np.zeros((1, 4, 4, 3), np.uint8), [{"rows": [1, 2], "columns": [3, 3], "color": [101, 0, 25]}])
    assert stamped[0, 1, 3].tolist() == stamped[0, 2, 3].tolist() == [101, 0, 25]
    assert stamped.sum() == 2 * 126


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rows": [7, 8]}, "rows are [7, 8], the images have rows 0 to 7"),
        ({"columns": [30, 31]}, "columns are [30, 31], the images have columns 0 to 7"),
        ({"rows": [5, 3]}, "rows are [5, 3]"),
        ({"columns": [-2, -1]}, "columns are [-2, -1]"),
        ({"color": [255, 0, 255]}, "color has 3 values, the images have 1"),
    ],
)
def test_a_rectangle_that_does_not_fit_is_refused(images, change, named):
    fits = {"rows": [7, 7], "columns": [0, 7], "color": [255]}
    with pytest.raises(ValueError, match=re.escape(named)):
        stamp(images, [fits, fits | change])
    with pytest.raises(InputError) as error:
        check({"fits": [[fits]], "wrong": [[fits], [fits, fits | change]]}, (8, 8, 1))
    assert str(error.value).startswith(f"The configuration is wrong at triggers.wrong: {named}")
    check({"fits": [[fits]]}, (8, 8, 1))
