"""What a command writes never takes the place of what somebody else has written, and is looked at before the work."""

import os
import subprocess
import sys

import numpy as np
import pytest

from rethinking_backdoors.cli.outputs import check_outputs
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import write_array

COMMAND = [sys.executable, "-m", "rethinking_backdoors.cli"]


def run(*arguments, cwd):
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def models(tmp_path):
    """Masks and margins of 60 models of 30 examples, in which every example lifts the next one's margin."""
    rng = np.random.default_rng(0)
    masks = rng.random((60, 30)) < 0.5
    np.save(tmp_path / "masks.npy", masks)
    np.save(tmp_path / "margins.npy", (np.roll(masks, 1, axis=1) + 0.1 * rng.standard_normal((60, 30))).astype(np.float32))
    return tmp_path


def test_an_output_that_is_an_input_is_refused_whatever_it_is_called(models):
    before = (models / "margins.npy").read_bytes()
    (models / "link.npy").symlink_to(models / "margins.npy")
    for name in ("margins.npy", "../" + models.name + "/margins.npy", "link.npy"):
        made = run("fit", "--masks", "masks.npy", "--margins", "margins.npy", "--out", name, cwd=models)
        assert made.returncode == 2
        assert "is read by this command: give another name" in made.stderr
    assert (models / "margins.npy").read_bytes() == before


def test_a_file_of_somebody_else_is_replaced_by_force_alone_and_an_own_one_without(models):
    (models / "W.npy").write_bytes(b"mine")
    arguments = ("fit", "--masks", "masks.npy", "--margins", "margins.npy", "--out", "W.npy")
    made = run(*arguments, cwd=models)
    assert made.returncode == 2
    assert "W.npy exists and was not written by this command" in made.stderr
    assert (models / "W.npy").read_bytes() == b"mine"
    assert run(*arguments, "--force", cwd=models).returncode == 0
    assert run(*arguments, cwd=models).returncode == 0


def test_what_the_commands_write_is_known_again(tmp_path):
    write_array(tmp_path / "W.npy", np.eye(3), {})
    (tmp_path / "scores.csv").write_text("index,score,rank,flagged\n0,1,1,1\n")
    check_outputs([tmp_path / "W.npy", tmp_path / "W.json", tmp_path / "scores.csv", None], [], force=False)
    np.save(tmp_path / "other.npy", np.eye(3))
    (tmp_path / "other.json").write_text("{}")
    (tmp_path / "other.csv").write_text("a,b\n")
    for name in ("other.json", "other.csv"):
        with pytest.raises(InputError, match="was not written by this command"):
            check_outputs([tmp_path / name], [], force=False)


def test_where_nothing_can_be_written_is_said_before_the_work(models):
    (models / "file").write_text("")
    for out, words in (("file/W.npy", "cannot be made a folder"), ("/proc/nowhere/W.npy", "cannot be made a folder")):
        made = run("fit", "--masks", "masks.npy", "--margins", "margins.npy", "--out", out, cwd=models)
        assert made.returncode == 2
        assert words in made.stderr
        assert len(made.stderr.splitlines()) == 1
    (models / "folder.npy").mkdir()
    made = run("fit", "--masks", "masks.npy", "--margins", "margins.npy", "--out", "folder.npy", cwd=models)
    assert "folder.npy is a folder" in made.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_said_before_the_work(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(InputError, match="cannot be written to"):
        check_outputs([tmp_path / "closed/W.npy"], [], force=False)


def test_models_that_were_trained_on_nothing_are_refused(models):
    masks = np.load(models / "masks.npy")
    masks[45:] = False
    np.save(models / "masks.npy", masks)
    made = run("fit", "--masks", "masks.npy", "--margins", "margins.npy", "--out", "W.npy", cwd=models)
    assert made.returncode == 2
    assert "15 of 60 models (first 45) were trained on no example: leave them out" in made.stderr


def test_rows_that_do_not_belong_together_are_noticed(models):
    masks = np.load(models / "masks.npy")
    np.save(models / "masks.npy", masks[np.random.default_rng(1).permutation(60)])
    made = run("fit", "--masks", "masks.npy", "--margins", "margins.npy", "--out", "W.npy", cwd=models)
    assert made.returncode == 0
    assert "are the rows of masks and margins the same models" in made.stderr


def test_few_models_are_fitted_without_fidelity(models):
    masks = np.load(models / "masks.npy")
    masks[:, 0] = np.arange(60) % 10 == 9  # in the models alone that are kept for the fidelity
    np.save(models / "masks.npy", masks)
    made = run("fit", "--masks", "masks.npy", "--margins", "margins.npy", "--out", "W.npy", cwd=models)
    assert made.returncode == 0, made.stderr
    assert "how well the weights predict is not known" in made.stderr
    weights = np.load(models / "W.npy")
    assert np.diag(np.roll(weights, -1, axis=1)).mean() > 0.8


def test_numbers_whose_bytes_lie_the_other_way_round_are_read(tmp_path):
    weights = np.random.default_rng(0).standard_normal((40, 40)).astype(np.float32)
    for name, dtype in (("little", "<f4"), ("big", ">f4")):
        np.save(tmp_path / f"{name}.npy", weights.astype(dtype))
        made = run("detect", f"{name}.npy", "--orientation", "train-rows", "--out", f"{name}-scores.csv", cwd=tmp_path)
        assert made.returncode == 0, made.stderr
    assert (tmp_path / "little-scores.csv").read_bytes() == (tmp_path / "big-scores.csv").read_bytes()


def test_a_share_is_counted_as_it_is_written(tmp_path):
    np.save(tmp_path / "W.npy", np.random.default_rng(0).standard_normal((100, 100)).astype(np.float32))
    run("detect", "W.npy", "--orientation", "train-rows", "--flag", "0.29", "--out", "s.csv", cwd=tmp_path)
    assert sum(line.endswith(",1") for line in (tmp_path / "s.csv").read_text().splitlines()) == 29


def test_the_version_is_told(tmp_path):
    from rethinking_backdoors import __version__

    assert run("--version", cwd=tmp_path).stdout.strip() == __version__
