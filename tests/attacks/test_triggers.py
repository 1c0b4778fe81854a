from pathlib import Path

import numpy as np
import pytest
import yaml

from rethinking_backdoors.attacks.triggers import stamp, stamp_test, stamp_train

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
