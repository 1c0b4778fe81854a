"""What is drawn, and where: areas, edges, colours and poses that can be worked out by hand."""

import numpy as np
import pytest

from rethinking_backdoors.attacks.objects import Pose, paste, render
from rethinking_backdoors.attacks.poisoning import poison

SQUARE = {"shape": "polygon", "points": [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]], "color": [200], "shade": 0}
DISC = {"shape": "ellipse", "points": [[0, 0], [0.8, 0.4]], "color": [200], "shade": 0}
BAR = {"shape": "line", "points": [[-0.5, 0], [0.5, 0]], "width": 0.5, "color": [200], "shade": 0}
MIDDLE = Pose(0.5, 0.5, 0.8, 0.0)
STROKE = {"parts": [BAR], "rows": [0.3, 0.7], "columns": [0.3, 0.7], "size": [0.3, 0.6], "tilt": 30}


def whole(parts, pose, shape=(40, 40, 1)):
    """The drawing's colour and coverage in the size of the image."""
    color, coverage = np.zeros(shape), np.zeros(shape[:2])
    box, color_inside, coverage_inside = render(parts, shape, pose)
    color[box], coverage[box] = color_inside, coverage_inside
    return color, coverage


@pytest.mark.parametrize("turn", [0, 0.3, np.pi / 2])
@pytest.mark.parametrize(
    ("part", "area"),
    # In frame units; the frame is 2 wide, and 32 of the 40 pixels here.
    [(SQUARE, 1), (DISC, np.pi * 0.8 * 0.4), (BAR, 1 * 0.5 + np.pi * 0.25**2)],
)
def test_the_coverage_adds_up_to_the_area_however_it_is_turned(part, area, turn):
    _, coverage = whole([part], MIDDLE._replace(turn=turn))
    assert coverage.sum() == pytest.approx(area * 16**2, rel=0.01)
    assert 0 <= coverage.min() < coverage.max() == 1


def test_a_square_covers_exactly_its_pixels_and_half_pixels_by_half():
    _, coverage = whole([SQUARE], Pose(0.5, 0.5, 0.5, 0))
    expected = np.zeros((40, 40))
    expected[15:25, 15:25] = 1
    assert (coverage == expected).all()
    # A side through the middle of a pixel: two of five sample columns on one side of it, three on the other.
    _, shifted = whole([SQUARE], Pose(0.5, 0.5 + 0.5 / 40, 0.5, 0))
    assert set(np.round(shifted[20, [15, 25]], 6)) <= {0.4, 0.6}
    assert (shifted[15:25, 16:25] == 1).all()


def test_a_turn_is_clockwise_as_seen_and_rows_run_down():
    tip = {"shape": "ellipse", "points": [[0.8, 0], [0.1, 0.1]], "color": [9], "shade": 0}
    for turn, row, column in ((0, 20, 32.8), (np.pi / 2, 32.8, 20)):
        _, coverage = whole([tip], MIDDLE._replace(turn=turn))
        centre = [(np.arange(40) + 0.5) @ coverage.sum(axis) / coverage.sum() for axis in (1, 0)]
        assert centre == pytest.approx([row, column], abs=0.05)


def test_later_parts_hide_earlier_ones_and_light_comes_from_the_left():
    patch = {**SQUARE, "points": [[0, -0.5], [0.5, -0.5], [0.5, 0.5], [0, 0.5]], "color": [10]}
    color, coverage = whole([{**SQUARE, "shade": 0.4}, patch], Pose(0.5, 0.5, 0.5, 0))
    assert (color[15:25, 20:25] == 10).all()
    row = color[20, 15:20, 0]
    assert (np.diff(row) < 0).all()
    assert row[0] == pytest.approx(200 * (1 + 0.4 * 0.45))
    assert (coverage[15:25, 15:25] == 1).all()
    bright, _ = whole([{**SQUARE, "shade": 1.0, "color": [250]}], MIDDLE)
    assert bright.max() == 255


def test_what_lies_outside_the_frame_or_the_image_is_cut_off():
    wide = {**BAR, "points": [[-1, 0], [1, 0]], "width": 1}
    _, coverage = whole([wide], Pose(0.5, 0.5, 0.5, 0))
    assert coverage[:, :10].sum() == coverage[:, 30:].sum() == 0
    _, corner = whole([SQUARE], Pose(0.0, 1.0, 0.5, 0))
    assert corner.sum() == 25
    assert (corner[:5, 35:] == 1).all()
    box, _, gone = render([SQUARE], (40, 40, 1), Pose(-2, 0.5, 0.5, 0))
    assert gone.size == 0, box


def test_an_object_is_blended_in_a_pose_of_its_own_and_only_there():
    images = np.random.default_rng(0).integers(0, 256, (40, 20, 20, 3), dtype=np.uint8)
    before = images.copy()
    thing = {**STROKE, "parts": [{**BAR, "color": [250, 0, 5]}]}
    pasted = paste(images, thing, np.random.default_rng(1))
    assert (images == before).all()
    assert pasted.dtype == np.uint8
    changed = (pasted != images).any(3)
    assert (changed.sum((1, 2)) > 3).all()
    assert len(np.unique(changed, axis=0)) == 40
    # The centre lies within 0.3 and 0.7 of the side, the frame's corner at most 0.6 / 2 * sqrt(2) further.
    rows, columns = changed.any((0, 2)), changed.any((0, 1))
    assert not rows[0] | rows[-1] | columns[0] | columns[-1]
    assert (paste(images, thing, np.random.default_rng(1)) == pasted).all()
    # Half covered pixels are half of each: on black and on white images the coverage is the same.
    black, white = (paste(np.full((1, 20, 20, 1), v, np.uint8), STROKE, np.random.default_rng(2)) for v in (0, 255))
    coverage = black[0, ..., 0] / 200
    np.testing.assert_allclose(white[0, ..., 0], 200 * coverage + 255 * (1 - coverage), atol=1.3)
    assert ((coverage > 0.1) & (coverage < 0.9)).sum() > 5


def test_a_colour_of_other_images_is_refused():
    with pytest.raises(ValueError, match=r"colour \[200\] has not one value for each of 3 channels"):
        paste(np.zeros((2, 8, 8, 3), np.uint8), STROKE, np.random.default_rng(0))


def test_labels_stay_and_exactly_as_many_images_of_the_class_change():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 100, (50, 8, 8, 1), dtype=np.uint8), np.arange(50) % 5
    settings = {"attack": "object", "trigger": STROKE, "target_class": 2}
    for count in (0, 4, 10):
        made = poison(images, labels, **settings, count=count, rng=np.random.default_rng(3))
        assert len(np.unique(made.index)) == count
        assert (labels[made.index] == 2).all()
        assert (made.label == 2).all()
        assert (made.true_label == 2).all()
        assert (made.image != images[made.index]).any((1, 2, 3)).all()
