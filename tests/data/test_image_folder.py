"""Images of one's own, from made-up files."""

import numpy as np
import pytest
from PIL import Image

from rethinking_backdoors.data import class_names, divide, image_folder, open_source
from rethinking_backdoors.errors import InputError

SECTION = {"source": "folder", "side": 16, "train": 12, "test": 6, "spare": 4}


@pytest.fixture
def folder(tmp_path):
    """Twelve images of each of two classes: zebras are red, ants blue; number i has the green value 10 i in its middle square."""
    for name, color in (("zebra", (200, 0, 0)), ("ant", (0, 0, 200))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.full((16, 32, 3), color, np.uint8)
            pixels[:, 8:24, 1] = 10 * number
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number:02d}.png")
    return tmp_path / "photos"


def test_the_middle_square_of_every_image_with_its_class(folder):
    images, labels, facts = image_folder.load(folder, 16)
    assert images.shape == (24, 16, 16, 3)
    assert class_names(facts) == ["ant", "zebra"]
    assert labels.tolist() == [0] * 12 + [1] * 12
    assert images[0, 0, 0].tolist() == [0, 0, 200]
    assert images[13].reshape(-1, 3).tolist() == [[200, 10, 0]] * 256
    assert image_folder.load(folder, 32)[0].shape == (24, 32, 32, 3)


def test_seeds_divide_the_images_without_overlap(folder):
    draw, facts = open_source({**SECTION, "folder": str(folder)})
    made = draw(np.random.default_rng(0))
    parts = [made[f"{part}_image"] for part in ("train", "test", "spare")]
    assert [len(part) for part in parts] == [12, 6, 4]
    assert len(np.unique(np.concatenate(parts)[:, 0, 0], axis=0)) == 22
    for part in ("train", "test"):
        assert np.bincount(made[f"{part}_label"]).tolist() == [len(made[f"{part}_label"]) // 2] * 2
        assert (made[f"{part}_image"][:, 0, 0, 0] == 200 * made[f"{part}_label"]).all()
    assert (draw(np.random.default_rng(1))["test_image"] != made["test_image"]).any()
    assert facts["sha256"] == open_source({**SECTION, "folder": str(folder)})[1]["sha256"]
    with pytest.raises(InputError, match="asks for 20 examples where only 18 are left"):
        divide(*image_folder.load(folder, 16)[:2], np.random.default_rng(0), train=20, test=6, spare=0)


def test_what_is_wrong_is_said_in_one_sentence(folder, tmp_path):
    for wrong, words in ((tmp_path / "nowhere", "is no folder"), (folder / "ant", "is no folder"), (tmp_path, "one class only")):
        with pytest.raises(InputError, match=words):
            image_folder.load(wrong, 16)
    (folder / "ant/03.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"03\.png is truncated or no image file"):
        image_folder.load(folder, 16)


def test_sixteen_bits_are_scaled_and_not_cut_off(folder):
    sixteen = np.full((16, 16), 110 * 257, np.uint16)
    Image.fromarray(sixteen).save(folder / "ant/00.png")
    images, _, _ = image_folder.load(folder, 16)
    assert (images[0] == 110).all()


def test_floats_are_refused(folder):
    Image.fromarray(np.full((16, 16), 0.5, np.float32)).save(folder / "ant/00.tiff")
    with pytest.raises(InputError, match=r"00\.tiff holds floating-point pixels, whose range is not known"):
        image_folder.load(folder, 16)


def test_an_image_is_turned_as_its_exif_says(folder):
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8] = 250  # above, before it is turned
    turned = Image.Exif()
    turned[274] = 3  # upside down
    Image.fromarray(pixels).save(folder / "ant/00.png", exif=turned)
    images, _, _ = image_folder.load(folder, 16)
    assert images[0, 0].max() == 0
    assert images[0, -1].min() == 250


def test_files_that_are_left_out_are_counted(folder):
    (folder / "ant/notes.txt").write_text("ants")
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(folder / "zebra/moving.gif")
    _, labels, facts = image_folder.load(folder, 16)
    assert len(labels) == 24
    assert facts["note"] == "2 files of other kinds were left out (.gif, .txt)."
