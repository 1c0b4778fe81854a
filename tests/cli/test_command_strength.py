import csv

import numpy as np
import pytest
from typer.testing import CliRunner

from rethinking_backdoors.cli import app
from rethinking_backdoors.cli.strength import read_support
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.seeds import generator


def run(tmp_path, text, *arguments):
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((40, 40))
    matrix[:5, :5] += 3
    np.fill_diagonal(matrix, 100)  # self-influence must not count
    np.save(tmp_path / "W.npy", matrix)
    (tmp_path / "support.txt").write_text(text)
    words = ["strength", tmp_path / "W.npy", "--support", tmp_path / "support.txt", "--orientation", "train-rows", *arguments]
    return matrix, CliRunner().invoke(app, list(map(str, words)))


def test_strength_is_that_of_equation_5(tmp_path):
    matrix, done = run(tmp_path, "0\n1\n2\n3\n4\n", "--out", tmp_path / "each.csv")
    assert done.exit_code == 0, done.output
    np.fill_diagonal(matrix, 0)
    each = matrix[:5].mean(0) - matrix[5:].mean(0)
    assert float(done.stdout.split("strength (eq. 5)")[1].split()[0]) == pytest.approx(each[:5].mean(), rel=1e-4)
    with open(tmp_path / "each.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["estimate"]) for row in rows] == pytest.approx(each, rel=1e-4, abs=1e-6)
    assert [row["in_support"] for row in rows] == ["1"] * 5 + ["0"] * 35


@pytest.mark.parametrize("text", ["", "40", "-1", "1 1", "one", " ".join(map(str, range(40)))])
def test_a_wrong_support_ends_in_one_sentence(tmp_path, text):
    _, done = run(tmp_path, text)
    assert done.exit_code == 2
    assert "support.txt" in done.stderr
    assert done.stderr.strip().count("\n") == 0


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, hole):
    matrix, _ = run(tmp_path, "0")
    matrix[20, 30] = hole
    np.save(tmp_path / "W.npy", matrix)
    words = ["strength", tmp_path / "W.npy", "--support", tmp_path / "support.txt", "--orientation", "train-rows"]
    done = CliRunner().invoke(app, list(map(str, words)))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.strip() == "the weight matrix holds values that are not finite."


def test_random_sets_are_each_estimated_by_itself(tmp_path):
    matrix, done = run(tmp_path, "0 1 2")
    np.fill_diagonal(matrix, 0)
    rng, found = generator(0, "random sets", 3), []
    for _ in range(200):
        members = rng.choice(40, 3, replace=False)
        inside = np.isin(np.arange(40), members)
        found.append((matrix[inside].mean(0) - matrix[~inside].mean(0))[members].mean())
    printed = done.stdout.split("random sets")[1].split()
    assert float(printed[0].strip(",")) == pytest.approx(np.mean(found), rel=1e-4)
    assert float(done.stdout.split("largest of them")[1].split()[0]) == pytest.approx(max(found), rel=1e-4)


def test_the_support_is_never_overwritten(tmp_path):
    _, done = run(tmp_path, "0 1 2", "--out", tmp_path / "support.txt")
    assert done.exit_code == 2
    assert "ends in .csv" in done.stderr
    assert (tmp_path / "support.txt").read_text() == "0 1 2"


def test_a_set_is_read_in_whatever_form_it_has(tmp_path):
    mask = np.zeros(20, dtype=bool)
    mask[[3, 5, 11]] = True
    np.save(tmp_path / "mask.npy", mask)
    np.save(tmp_path / "indices.npy", np.array([11, 3, 5]))
    (tmp_path / "list.txt").write_text("\ufeff# seen by eye\n3 5  # both twos\n11\n", encoding="utf-8")
    (tmp_path / "scores.csv").write_text("index,score,rank,flagged\n" + "".join(f"{i},1,1,{int(mask[i])}\n" for i in range(20)))
    for name in ("mask.npy", "indices.npy", "list.txt", "scores.csv"):
        assert read_support(tmp_path / name, 20).tolist() == [3, 5, 11]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"1\n1\n", "names an example twice"),
        ("a.txt", b"", "at least one and not all"),
        ("a.txt", b"25\n", "at least one and not all"),
        ("a.txt", b"9" * 5000, "not an index from 0"),
        ("a.txt", b"-1\n", "not an index from 0"),
        ("a.txt", b"\xff\xfe", "no text file"),
        ("a.csv", b"a,b\n1,2\n", "lacks the columns index and flagged"),
        ("a.csv", b"", "lacks the columns index and flagged"),
        ("a.npy", b"junk", "no .npy file"),
    ],
)
def test_a_set_that_is_none_is_refused_in_one_sentence(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_support(tmp_path / name, 20)


def test_arrays_of_other_kinds_are_no_sets(tmp_path):
    for array in (np.ones(3), np.ones((2, 2), int), np.ones(19, bool), np.array([-1])):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(InputError, match=r"are needed|at least one and not all"):
            read_support(tmp_path / "a.npy", 20)
