import csv

import numpy as np
import pytest
from typer.testing import CliRunner

from rethinking_backdoors.cli import app


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
