import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from rethinking_backdoors.cli import app
from rethinking_backdoors.datamodels import ESTIMATORS, Ridge, difference_in_means
from rethinking_backdoors.io import write_array
from rethinking_backdoors.margins.store import ShardWriter
from rethinking_backdoors.margins.subsets import masks
from rethinking_backdoors.seeds import root

M, N = 400, 40


def run(*arguments):
    return CliRunner().invoke(app, ["fit", *map(str, arguments)])


@pytest.fixture
def linear(tmp_path):
    """A linear world: margins are the sum of the weights of the examples in the subset."""
    chosen, truth = masks(7, 0.5, range(M), N), np.random.default_rng(0).standard_normal((N, N))
    np.save(tmp_path / "masks.npy", chosen)
    np.save(tmp_path / "margins.npy", chosen @ truth)
    return chosen, truth


@pytest.mark.parametrize("estimator", ["difference", "ridge"])
def test_fitted_weights_say_what_they_are(tmp_path, linear, estimator):
    chosen, truth = linear
    out = tmp_path / "W.npy"
    done = run("--masks", tmp_path / "masks.npy", "--margins", tmp_path / "margins.npy", "--estimator", estimator, "--out", out)
    assert done.exit_code == 0, done.output
    facts, weights = json.loads(out.with_suffix(".json").read_text()), np.load(out)
    assert facts["orientation"] == "rows are training examples"
    assert facts["m"] == M
    if estimator == "difference":
        assert np.array_equal(weights, difference_in_means(chosen, chosen @ truth))
    else:  # what all subsets of one size have in common cannot be told
        centred = truth - truth.mean(0)
        assert np.corrcoef(weights.ravel(), centred.ravel())[0, 1] > 0.999
        assert facts["fidelity"]["lds"] > 0.99
    # The next command knows the orientation from the manifest.
    assert CliRunner().invoke(app, ["detect", str(out), "--out", str(tmp_path / "s.csv"), "--restarts", "3"]).exit_code == 0


def test_a_folder_of_shards_gives_the_weights_of_its_models(tmp_path, linear):
    seed = root("made up", 1, 0)
    chosen = masks(seed, 0.5, range(M), N)
    values = (chosen @ linear[1]).astype(np.float16)
    for name, (first, end) in {"00000": (0, 150), "00001": (150, M)}.items():
        writer = ShardWriter(tmp_path / "margins" / f"{name}.npy", end - first, N, {})
        writer.append(0, values[first:end])
        writer.finish(first, {"root": str(seed), "alpha": 0.5, "settings": "x", "data": "y"})
    # What else may lie there: a datamodel, and what a killed job leaves behind.
    write_array(tmp_path / "margins/datamodel_ridge.npy", np.eye(N), {"estimator": "ridge"})
    np.save(tmp_path / "margins/.00002.abc.npy", values[:3])
    done = run("--margins", tmp_path / "margins", "--out", tmp_path / "W.npy")
    assert done.exit_code == 0, done.output
    assert np.array_equal(np.load(tmp_path / "W.npy"), difference_in_means(chosen, values))


def test_what_the_user_did_wrong_ends_in_one_sentence(tmp_path, linear):
    margins, out = tmp_path / "margins.npy", tmp_path / "W.npy"
    np.save(tmp_path / "short.npy", linear[0][:-1])
    np.save(tmp_path / "twos.npy", 2 * linear[0].astype(int))
    np.savez(tmp_path / "masks.npz", masks=linear[0])
    (tmp_path / "empty").mkdir()
    wrong = {
        "--masks is needed": ["--margins", margins, "--out", out],
        "must be equal": ["--margins", margins, "--masks", tmp_path / "short.npy", "--out", out],
        "0 and 1": ["--margins", margins, "--masks", tmp_path / "twos.npy", "--out", out],
        "does not exist": ["--margins", tmp_path / "none.npy", "--masks", tmp_path / "masks.npy", "--out", out],
        "ends in .npy": ["--margins", margins, "--masks", tmp_path / "masks.npy", "--out", tmp_path / "W.pt"],
        "no shards": ["--margins", tmp_path / "empty", "--out", out],
        "The device gpu is not known": ["--margins", margins, "--masks", tmp_path / "masks.npy", "--device", "gpu", "--out", out],
        "an archive": ["--margins", margins, "--masks", tmp_path / "masks.npz", "--out", out],
    }
    for sentence, arguments in wrong.items():
        done = run(*arguments)
        assert (done.exit_code, sentence in done.stderr, done.stderr.strip().count("\n")) == (2, True, 0), (sentence, done.output)
    assert not out.exists()


def test_threads_and_device_reach_the_estimator(tmp_path, linear, monkeypatch):
    asked, margins, given = [], ["--margins", tmp_path / "margins.npy"], ["--masks", tmp_path / "masks.npy"]

    class Asked(Ridge):
        def __init__(self, **settings):
            asked.append(settings)
            super().__init__(**settings)

    monkeypatch.setitem(ESTIMATORS, "ridge", Asked)
    words = [*margins, *given, "--estimator", "ridge", "--threads", 2, "--out", tmp_path / "W.npy"]
    assert run(*words).exit_code == 0
    assert asked == [{"device": None, "threads": 2}] * 2
    assert torch.get_num_threads() == 2
    assert run(*words, "--threads", 0).exit_code == 2


def test_a_gpu_that_is_not_there_is_named(tmp_path, linear, monkeypatch):
    words = ["--margins", tmp_path / "margins.npy", "--masks", tmp_path / "masks.npy", "--out", tmp_path / "W.npy"]
    for gpus, device, sentence in ((0, "cuda", "no GPU"), (2, "cuda:9", "to cuda:1"), (2, "cuda:2", "cuda:2 is not here")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda gpus=gpus: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda gpus=gpus: gpus)
        done = run(*words, "--device", device)
        assert (done.exit_code, sentence in done.stderr, done.stderr.strip().count("\n")) == (2, True, 0), done.output
    assert not (tmp_path / "W.npy").exists()


def test_models_of_torch_and_packed_bits_give_the_same_weights(linear, tmp_path):
    """Whatever the files are called."""
    chosen, truth = linear
    np.save(tmp_path / "bits.npy", np.packbits(chosen, axis=1))
    torch.save(torch.from_numpy(chosen @ truth), tmp_path / "margins.ckpt")
    torch.save(torch.from_numpy(chosen), tmp_path / "masks.pth.tar")
    pairs = [("margins.npy", "masks.npy"), ("margins.ckpt", "masks.pth.tar"), ("margins.npy", "bits.npy")]
    for number, (values, given) in enumerate(pairs):
        result = run("--margins", tmp_path / values, "--masks", tmp_path / given, "--out", tmp_path / f"W{number}.npy")
        assert result.exit_code == 0, result.output
    first, second, third = (np.load(tmp_path / f"W{number}.npy") for number in range(3))
    assert np.allclose(first, second, rtol=1e-6)
    assert np.allclose(first, third, rtol=1e-6)


def test_an_archive_of_many_disks_is_refused_in_one_sentence(tmp_path):
    # An empty archive's end, before it the locator of one that spans three disks.
    locator = b"PK\x06\x07" + bytes(4) + bytes(8) + (3).to_bytes(4, "little")
    (tmp_path / "w.pt").write_bytes(b"PK\x06\x06" + bytes(52) + locator + b"PK\x05\x06" + bytes(18))
    done = run("--margins", tmp_path / "w.pt", "--masks", tmp_path / "w.pt", "--out", tmp_path / "out.npy")
    assert done.exit_code == 2
    assert "w.pt is truncated or no archive" in done.output.replace("\n", " ")
