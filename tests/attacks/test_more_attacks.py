"""Attacks beyond the paper's: every pixel against the formula, written out, on the sizes that the data sets have."""

import math

import numpy as np
import pytest

from rethinking_backdoors import methods
from rethinking_backdoors.attacks import registry
from rethinking_backdoors.attacks.poisoning import poison, poisoned_set
from rethinking_backdoors.errors import InputError

SHAPES = [(32, 32, 3), (28, 28, 1), (8, 8, 1)]


def images(shape, n=12):
    return np.random.default_rng(1).integers(0, 256, (n, *shape), dtype=np.uint8)


def square(shape):
    return [[{"rows": [0, 1], "columns": [2, 3], "color": [255, 0, 9][: shape[2]]}]]


def shown(attack, x, **settings):
    return registry.triggered(x, square(x.shape[1:]), attack, settings)


def pixel(value):
    return round(min(max(float(value), 0.0), 255.0))


@pytest.mark.parametrize("shape", SHAPES)
def test_blended(shape):
    x = images(shape)
    pattern = np.random.default_rng(7).integers(0, 256, shape)
    made = shown("blended", x, opacity=0.25, pattern=7)
    for at in np.ndindex(3, 5, 5, shape[2]):
        assert made[at] == pixel(0.75 * x[at] + 0.25 * pattern[at[1:]])


@pytest.mark.parametrize("shape", SHAPES)
def test_sig(shape):
    x = images(shape)
    made = shown("sig", x, frequency=2, amplitude=30.0)
    for n, row, column, channel in np.ndindex(2, 4, shape[1], shape[2]):
        wave = 30 * math.sin(2 * math.pi * column * 2 / shape[1])
        assert made[n, row, column, channel] == pixel(x[n, row, column, channel] + wave)


def test_sig_as_published():
    """Width 32, frequency 6, amplitude 20: the first columns, by hand."""
    grey = np.full((1, 1, 32, 1), 100, dtype=np.uint8)
    assert shown("sig", grey)[0, 0, :5, 0].tolist() == [100, 118, 114, 92, 80]


@pytest.mark.parametrize("shape", SHAPES)
def test_bpp_has_as_many_levels_as_it_says(shape):
    made = shown("bpp", images(shape, 60), levels=8)
    assert np.unique(made).tolist() == [0, 36, 73, 109, 146, 182, 219, 255]
    assert shown("bpp", np.full((1, 2, 2, 1), 55, np.uint8), levels=8)[0, 0, 0, 0] == 73  # 55 / 255 * 7 is 1.51


def test_covers_of_bpp_carry_the_rounding_error_of_another_image():
    module, x = registry.module("bpp"), images((8, 8, 1), 3) // 2 + 60
    covers = module.cover(x, [], module.Settings(levels=4), np.random.default_rng(0))
    error = shown("bpp", x, levels=4).astype(int) - x
    assert (covers.astype(int) - x == error[[2, 0, 1]]).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_ftrojan_raises_two_coefficients(shape):
    """The cosine transform as its definition has it, of the difference that the attack makes."""
    x = np.full((1, *shape), 120, dtype=np.uint8)
    magnitude = 12.0 * shape[0]
    made = shown("ftrojan", x, magnitude=magnitude).astype(float) - x
    plane = made[0, :, :, 0]

    def basis(k, n):
        scale = math.sqrt((1 if k == 0 else 2) / n)
        return np.array([scale * math.cos(math.pi * (2 * j + 1) * k / (2 * n)) for j in range(n)])

    height, width = shape[:2]
    coefficients = np.array([[basis(u, height) @ plane @ basis(v, width) for v in range(width)] for u in range(height)])
    high, middle = (height - 1, width - 1), (height // 2 - 1, width // 2 - 1)
    raised = magnitude if shape[2] == 1 else magnitude / 0.713  # red carries the colour difference over .713
    assert coefficients[high] == pytest.approx(raised, rel=0.05)
    assert coefficients[middle] == pytest.approx(raised, rel=0.05)
    coefficients[high] = coefficients[middle] = 0
    assert np.abs(coefficients).max() < 0.05 * raised  # rounding


def test_ftrojan_leaves_brightness_alone():
    x = np.full((1, 32, 32, 3), 120, dtype=np.uint8)
    made = shown("ftrojan", x, magnitude=200.0).astype(float) - x
    assert np.abs(made @ np.array([0.299, 0.587, 0.114])).max() < 1.1
    assert np.abs(made).max() > 5


@pytest.mark.parametrize("shape", SHAPES)
def test_wanet_samples_where_its_field_says(shape):
    module, x = registry.module("wanet"), images(shape, 2)
    settings = module.Settings(strength=2.0)
    places = module.coordinates(shape[:2], settings)
    made = shown("wanet", x, strength=2.0)
    (height, width), channel = shape[:2], shape[2] - 1
    for row, column in [(0, 0), (3, 5), (height - 1, width - 2), (height // 2, 1)]:
        across, down = (places[row, column] + 1) / 2 * (width - 1, height - 1)
        left, top = min(int(across), width - 2), min(int(down), height - 2)
        a, d = across - left, down - top
        corners = x[1, top : top + 2, left : left + 2, channel].astype(float)
        expected = (1 - d) * ((1 - a) * corners[0, 0] + a * corners[0, 1]) + d * ((1 - a) * corners[1, 0] + a * corners[1, 1])
        assert abs(int(made[1, row, column, channel]) - expected) <= 0.501
    still = module.coordinates(shape[:2], module.Settings(strength=0.0))
    assert (module.warp(x, np.stack([still, still])) == x).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_adap_blend_hides_half_of_the_tiles(shape):
    module, x = registry.module("adap_blend"), images(shape)
    settings = module.Settings(opacity=0.5)
    made, _ = module.make(x, np.zeros(12), [], settings, np.random.default_rng(3), None)
    whole = shown("blended", x, opacity=0.5)
    side = shape[0] // 4
    shows = np.zeros((12, 4, 4), dtype=bool)
    for n, i, j in np.ndindex(12, 4, 4):
        tile = (n, slice(i * side, (i + 1) * side), slice(j * side, (j + 1) * side))
        shows[n, i, j] = (made[tile] != x[tile]).any()
        assert (made[tile] == (whole if shows[n, i, j] else x)[tile]).all()
    assert (shows.sum((1, 2)) == 8).all()
    assert (shows[0] != shows[1]).any()
    assert (shown("adap_blend", x, shown=0.5) == whole).all()
    with pytest.raises(InputError, match="no multiple"):
        module.make(x, np.zeros(12), [], module.Settings(pieces=5), np.random.default_rng(3), None)


def test_adap_patch_puts_one_faint_patch_in_training_and_two_at_test_time():
    module, x = registry.module("adap_patch"), np.full((200, 8, 8, 1), 100, dtype=np.uint8)
    patches = [[{"rows": [0, 0], "columns": [k, k], "color": [200]}] for k in range(4)]
    made, variant = module.make(x, np.zeros(200), patches, module.Settings(), np.random.default_rng(0), None)
    assert set(variant) == {0, 1, 2, 3}
    for image, k in zip(made, variant, strict=True):
        expected = x[0].copy()
        expected[0, k] = [150, 120, 150, 130][k]
        assert (image == expected).all()
    assert (registry.triggered(x, patches, "adap_patch", {})[0, 0, :4, 0] == [200, 200, 100, 100]).all()
    with pytest.raises(InputError, match="4 opacities for the trigger's 1"):
        module.make(x, np.zeros(200), patches[:1], module.Settings(), np.random.default_rng(0), None)


def made(attack, settings=None, count=20, target=1):
    labels = np.arange(200) % 10
    x = images((8, 8, 1), 200)
    arguments = {"attack": attack, "settings": settings, "trigger": square((8, 8, 1)), "target_class": target, "count": count}
    return x, labels, poison(x, labels, **arguments, rng=np.random.default_rng(5))


@pytest.mark.parametrize(
    ("attack", "settings", "covers"),
    [("tact", {"source": 3}, 20), ("adap_blend", {}, 20), ("wanet", {}, 40), ("bpp", {"covers": 0.5}, 10), ("blended", {}, 0)],
)
def test_covers_are_other_examples_and_keep_their_labels(attack, settings, covers):
    x, labels, found = made(attack, settings)
    new, after = poisoned_set(x, labels, found.arrays())
    assert len(found.cover_index) == covers
    assert not set(found.cover_index) & set(found.index)
    assert (after[found.cover_index] == labels[found.cover_index]).all()
    assert (labels[found.cover_index] != 1).all()
    changed = (new != x).any((1, 2, 3))
    assert set(np.flatnonzero(changed)) <= set(found.index) | set(found.cover_index)
    assert changed[found.cover_index].sum() > 0.9 * covers - 1
    assert (after[found.index] == 1).all()


def test_tact_works_on_one_class():
    _, labels, found = made("tact", {"source": 3})
    assert (labels[found.index] == 3).all()
    attack = {"attack": "tact", "settings": {"source": 3}, "target_class": 1}
    said = np.array([[1, 1, 1, 0]])
    assert registry.success(said, said, np.array([3, 3, 2, 3]), attack) == pytest.approx(100 * 2 / 3)
    assert np.isnan(registry.success(said, said, np.array([1, 0, 2, 5]), attack))  # no image of the source class
    with pytest.raises(InputError, match="only 0 are eligible"):
        made("tact", {"source": 1})


def test_all_to_all_wants_the_next_class_of_every_image():
    _, labels, found = made("all_to_all")
    assert (found.label == (labels[found.index] + 1) % 10).all()
    said = np.array([[1, 2, 0, 0]])
    assert registry.success(said, said, np.array([0, 1, 2, 2]), {"attack": "all_to_all", "target_class": 0}) == 100


def test_untargeted_wants_any_wrong_class_of_what_was_right():
    _, labels, found = made("untargeted", count=150)
    assert (found.label != labels[found.index]).all()
    assert len(set(found.label)) == 10
    clean, triggered = np.array([[0, 1, 5, 3]]), np.array([[4, 1, 6, 5]])
    attack = {"attack": "untargeted", "target_class": 0}
    assert registry.success(clean, triggered, np.array([0, 1, 2, 3]), attack) == pytest.approx(100 * 2 / 3)


def test_too_many_covers_are_refused():
    with pytest.raises(InputError, match="tact cannot cover itself with 200 examples: only 160"):
        made("tact", {"source": 3, "covers": 10.0})


def test_settings_that_do_not_exist_are_named():
    with pytest.raises(InputError, match="settings of the attack wanet are wrong"):
        methods.settings(registry.module("wanet"), {"opacity": 1})
    with pytest.raises(InputError, match=r"wanet are wrong: grid: input should be a valid integer.*given: wide"):
        methods.settings(registry.module("wanet"), {"grid": "wide"})
