import csv
import itertools
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from rethinking_backdoors.cli import app
from rethinking_backdoors.cli.common import Orientation, read_weights
from rethinking_backdoors.detection import batched
from rethinking_backdoors.detection.objective import objective
from rethinking_backdoors.io import write_array

N, PLANTED = 200, np.arange(30, 50)


@pytest.fixture
def weights():
    """Noise with a block of 20 examples that support one another."""
    matrix = np.random.default_rng(0).standard_normal((N, N)).astype(np.float32)
    matrix[np.ix_(PLANTED, PLANTED)] += 2
    return matrix


def run(tmp_path, *arguments):
    return CliRunner().invoke(app, ["detect", *map(str, arguments), "--out", str(tmp_path / "scores.csv")])


def saved(tmp_path, matrix):
    np.save(tmp_path / "W.npy", matrix)
    return tmp_path / "W.npy"


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_planted_block_is_flagged(tmp_path, weights):
    done = run(tmp_path, saved(tmp_path, weights), "--orientation", "train-rows", "--restarts", 20)
    assert done.exit_code == 0, done.output
    rows = read(tmp_path / "scores.csv")
    assert [int(row["index"]) for row in rows] == list(range(N))
    assert {int(row["index"]) for row in rows if row["flagged"] == "1"} == set(PLANTED)
    assert sorted(int(row["rank"]) for row in rows) == list(range(1, N + 1))
    by_score = sorted(rows, key=lambda row: int(row["rank"]))
    assert all(float(a["score"]) >= float(b["score"]) for a, b in itertools.pairwise(by_score))
    facts = json.loads((tmp_path / "scores.json").read_text())
    assert [size["size"] for size in facts["sizes"]] == [10, 20, 40, 80]
    assert facts["sizes"][1]["objective"] == pytest.approx(objective(weights, PLANTED), rel=1e-5)
    assert all(size["certified"] and size["reached_by"] >= 1 for size in facts["sizes"])


def test_a_gpu_searches_all_sizes_in_one_call_with_the_scores_of_a_processor(tmp_path, weights, monkeypatch):
    calls, search = [], batched.search_batched

    def on_a_processor(pairs, sizes, *arguments, device, **named):
        calls.append((device, sizes))
        return search(pairs, sizes, *arguments, device="cpu", **named)

    monkeypatch.setattr(sys.modules["rethinking_backdoors.cli.detect"], "use_device", lambda device, threads: device)
    monkeypatch.setattr(batched, "search_batched", on_a_processor)
    words = [
        saved(tmp_path, weights),
        "--orientation",
        "train-rows",
        "--restarts",
        5,
        "--detector",
        "refined",
        "--storage",
        "float16",
    ]
    scores = []
    for device in ("cpu", "cuda"):
        done = run(tmp_path, *words, "--device", device)
        assert done.exit_code == 0, done.output
        scores.append((tmp_path / "scores.csv").read_text())
    assert calls == [("cuda", [10, 14, 20, 28, 40, 57, 80])]
    assert scores[0] == scores[1]


def test_orientation_decides_about_the_penalty(tmp_path):
    """Rows of large weights: example 0 raises everything. As targets, eq. 7 penalises them; as training examples it does not."""
    matrix = np.random.default_rng(1).standard_normal((60, 60)) / 10
    matrix[:10] += 1
    found = {}
    for orientation in ("train-rows", "train-columns"):
        assert run(tmp_path, saved(tmp_path, matrix), "--orientation", orientation, "--sizes", 10, "--restarts", 5).exit_code == 0
        found[orientation] = {int(row["index"]) for row in read(tmp_path / "scores.csv") if float(row["score"]) > 0.49}
    assert found["train-rows"] == set(range(10))
    assert not found["train-columns"] & set(range(10))


def test_where_the_orientation_is_not_known_it_is_asked_for(tmp_path, weights):
    done = run(tmp_path, saved(tmp_path, weights))
    assert done.exit_code == 2
    assert "--orientation" in done.stderr
    assert not (tmp_path / "scores.csv").exists()


def test_a_manifest_knows_the_orientation_and_its_word_counts(tmp_path, weights):
    path = tmp_path / "datamodel_difference.npy"
    write_array(path, weights, {"orientation": "rows are training examples"})
    assert run(tmp_path, path, "--sizes", 10, "--restarts", 2).exit_code == 0
    wrong = run(tmp_path, path, "--orientation", "train-columns")
    assert wrong.exit_code == 2
    assert "train-rows" in wrong.stderr
    path.write_bytes(path.read_bytes()[:-4])
    assert run(tmp_path, path).exit_code == 2


def test_the_public_datamodels_dictionary_needs_no_orientation(tmp_path, weights):
    n = len(weights)
    torch.save({"weight": torch.from_numpy(weights), "bias": torch.zeros(n), "lam": torch.ones(n)}, tmp_path / "reg.pt")
    assert run(tmp_path, tmp_path / "reg.pt", "--restarts", 5).exit_code == 0
    from_torch = (tmp_path / "scores.csv").read_bytes()
    run(tmp_path, saved(tmp_path, weights), "--orientation", "train-rows", "--restarts", 5)
    assert (tmp_path / "scores.csv").read_bytes() == from_torch


@pytest.mark.parametrize("change", [torch.nn.Parameter, torch.Tensor.bfloat16, torch.Tensor.double])
def test_every_kind_of_tensor_is_read(tmp_path, weights, change):
    weights = torch.from_numpy(weights).bfloat16().float()
    torch.save(change(weights), tmp_path / "W.pt")
    read = read_weights(tmp_path / "W.pt", Orientation.train_columns)
    assert (read == weights.numpy().T).all()


@pytest.mark.filterwarnings("ignore:Sparse")
def test_a_sparse_tensor_is_refused(tmp_path, weights):
    torch.save(torch.from_numpy(weights).to_sparse(), tmp_path / "W.pt")
    done = run(tmp_path, tmp_path / "W.pt", "--orientation", "train-rows")
    assert done.exit_code == 2
    assert "W.pt holds a sparse tensor" in done.stderr


def test_no_file_is_overwritten(tmp_path, weights):
    path = tmp_path / "W.npy"
    write_array(path, weights, {"orientation": "rows are training examples"})
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    for name in ("W.csv", "W.npy", "W.json", "scores.json", "../" + tmp_path.name + "/W.csv"):
        words = ["detect", path, "--sizes", 10, "--restarts", 2, "--out", tmp_path / name, "--figure", tmp_path / "picture"]
        done = CliRunner().invoke(app, list(map(str, words)))
        assert (done.exit_code, "--out" in done.stderr, done.stderr.strip().count("\n")) == (2, True, 0), (name, done.output)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_the_scores_may_lie_beside_a_tensor_of_their_name(tmp_path, weights):
    torch.save(torch.from_numpy(weights), tmp_path / "scores.pt")
    for _ in range(2):
        done = run(tmp_path, tmp_path / "scores.pt", "--orientation", "train-rows", "--sizes", 10, "--restarts", 2)
        assert done.exit_code == 0, done.output


class Dangerous:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("name", ["bad.pt", "bad.npy"])
def test_no_pickle_is_ever_executed(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    if name == "bad.npy":
        np.save(name, np.array([[Dangerous()]], dtype=object), allow_pickle=True)
    else:
        torch.save({"weight": Dangerous()}, name)
    done = run(tmp_path, name, "--orientation", "train-rows")
    assert done.exit_code == 2
    assert not (tmp_path / "executed").exists()
    with pytest.raises(FileExistsError):  # what the pickle would have done
        pickle.loads(pickle.dumps(Dangerous())), pickle.loads(pickle.dumps(Dangerous()))


def with_hole(matrix):
    matrix = matrix.copy()
    matrix[3, 4] = np.nan
    return matrix


@pytest.mark.parametrize(
    ("change", "arguments", "named"),
    [
        (lambda w: w[:, :-1], [], "square"),
        (with_hole, [], "not finite"),
        (lambda w: w.astype(int), [], "int64"),
        (lambda w: w, ["--sizes", "10,101"], "n / 2 = 100"),
        (lambda w: w, ["--sizes", "ten"], "--sizes ten"),
        (lambda w: w[:19, :19], [], "The matrix has 19 examples: too few"),
        (lambda w: w, ["--flag", "1.5"], "--flag"),
        (lambda w: w, ["--device", "tpu"], "tpu"),
    ],
)
def test_what_the_user_did_wrong_ends_in_one_sentence_and_exit_code_2(tmp_path, weights, change, arguments, named):
    done = run(tmp_path, saved(tmp_path, change(weights)), "--orientation", "train-rows", *arguments)
    assert done.exit_code == 2
    assert named in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert not (tmp_path / "scores.csv").exists()


def test_an_archive_is_refused(tmp_path, weights):
    np.savez(tmp_path / "W.npz", W=weights)
    done = run(tmp_path, tmp_path / "W.npz", "--orientation", "train-rows")
    assert done.exit_code == 2
    assert "W.npz is an archive" in done.stderr


def test_a_truncated_file_is_named(tmp_path, weights):
    path = saved(tmp_path, weights)
    path.write_bytes(path.read_bytes()[:5000])
    done = run(tmp_path, path, "--orientation", "train-rows")
    assert done.exit_code == 2
    assert "W.npy is truncated" in done.stderr


def test_a_pipe_hears_nothing_and_the_picture_is_drawn(tmp_path, weights):
    words = ["detect", saved(tmp_path, weights), "--orientation", "train-rows", "--sizes", "20", "--restarts", "3"]
    words += ["--out", tmp_path / "s.csv", "--figure", tmp_path / "s.png", "--storage", "float16"]
    command = [sys.executable, "-m", "rethinking_backdoors.cli", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "s.png").stat().st_size > 10_000


def test_without_a_matrix_the_scores_are_those_of_its_differences_in_means(tmp_path):
    rng = np.random.default_rng(3)
    masks = rng.random((120, 90)) < 0.5
    margins = rng.standard_normal((120, 90)) + 3 * masks[:, :15].mean(1, keepdims=True) * (np.arange(90) < 15)
    np.save(tmp_path / "masks.npy", masks)
    np.save(tmp_path / "margins.npy", margins.astype(np.float32))
    given = ["--margins", tmp_path / "margins.npy", "--masks", tmp_path / "masks.npy", "--out", tmp_path / "W.npy"]
    assert CliRunner().invoke(app, ["fit", *map(str, given)]).exit_code == 0
    words = ["--sizes", "5,15", "--restarts", 8]
    assert run(tmp_path, tmp_path / "W.npy", *words).exit_code == 0
    stored = (tmp_path / "scores.csv").read_text()
    done = run(tmp_path, tmp_path / "margins.npy", "--factors", "--masks", tmp_path / "masks.npy", *words)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "scores.csv").read_text() == stored
    assert json.loads((tmp_path / "scores.json").read_text())["factors"]
    # What has no meaning without a matrix is refused, and so are masks beside a matrix.
    done = run(tmp_path, tmp_path / "margins.npy", "--factors", "--threads", 2, "--figure", tmp_path / "x.png")
    assert (done.exit_code, "leave out --figure, --threads" in done.stderr) == (2, True)
    assert "--factors" in run(tmp_path, tmp_path / "W.npy", "--masks", tmp_path / "masks.npy").stderr
