import json
import os
import socket
import subprocess

import numpy as np
import pytest

from rethinking_backdoors import io
from rethinking_backdoors.datamodels import ESTIMATORS, fit_with_fidelity


def test_an_error_leaves_no_file_and_no_temporary(tmp_path):
    with pytest.raises(RuntimeError), io.atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_old_file(tmp_path):
    io.write_text(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), io.atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "old"


def test_equal_arrays_give_equal_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        io.write_npz(tmp_path / name, x=np.arange(5), y=np.eye(2))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("damage", ["truncate", "text", "missing", "array"])
def test_damaged_archives_are_named_in_one_sentence(tmp_path, damage):
    path = tmp_path / "poison.npz"
    io.write_npz(path, index=np.arange(1000))
    if damage == "truncate":
        path.write_bytes(path.read_bytes()[:700])
    elif damage == "text":
        path.write_text("not an archive")
    elif damage == "missing":
        path.unlink()
    with pytest.raises(io.InputError, match=r"poison\.npz") as error:
        io.read_npz(path, "label" if damage == "array" else "index")
    assert "\n" not in str(error.value)


def test_pickles_are_never_loaded(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(io.InputError):
        io.read_npz(path, "x")


def test_an_array_that_does_not_fit_its_manifest_is_refused(tmp_path):
    path = tmp_path / "w.npy"
    io.write_array(path, np.eye(3), {"estimator": "difference"})
    array, manifest = io.read_array(path)
    assert (array == np.eye(3)).all()
    assert manifest["estimator"] == "difference"
    np.save(path, np.zeros((3, 3)))
    with pytest.raises(io.InputError, match="manifest"):
        io.read_array(path)


def test_the_fingerprint_ignores_order_and_sees_values():
    assert io.digest({"a": 1, "b": [2, 3]}) == io.digest({"b": [2, 3], "a": 1})
    assert io.digest({"a": 1}) != io.digest({"a": 2})


def test_the_fingerprint_of_arrays_sees_values_types_and_shapes():
    a = np.arange(6, dtype=np.uint8)
    assert io.digest_arrays(a, a) == io.digest_arrays(a.copy(), np.arange(12, dtype=np.uint8)[::2] // 2)
    different = [(a, a), (a,), (a.reshape(2, 3), a), (a.astype(np.int8), a), (a, a[::-1]), (np.r_[a, a],)]
    assert len({io.digest_arrays(*arrays) for arrays in different}) == len(different)


def test_a_job_says_what_the_user_did_in_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop, io.job(tmp_path / "log"):
        print("working")
        raise io.InputError("poison.npz is truncated.")
    assert stop.value.code == 2
    assert capsys.readouterr().err == "poison.npz is truncated.\n"
    assert (tmp_path / "log").read_text() == "working\npoison.npz is truncated.\n"


def test_what_the_library_refuses_ends_as_well(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop, io.job(tmp_path / "log"):
        fit_with_fidelity(ESTIMATORS["difference"], np.arange(48).reshape(12, 4) % 3 == 0, np.zeros((12, 4)))
    assert stop.value.code == 2
    assert capsys.readouterr().err == "fidelity needs two held-out models or more; given: 1.\n"
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_mistake_of_ours_is_no_bad_input(tmp_path):
    with pytest.raises(ValueError, match="broadcast"), io.job(tmp_path / "log"):
        np.ones(2) + np.ones(3)
    assert (tmp_path / "log").read_text().startswith("Traceback")


def test_a_job_on_a_device_that_is_not_there_ends_before_it_begins(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit) as stop, io.job(tmp_path / "log", "cuda"):
        print("working")
    assert stop.value.code == 2
    assert (tmp_path / "log").read_text() == capsys.readouterr().err
    assert "working" not in (tmp_path / "log").read_text()


def test_a_job_that_needs_more_memory_than_there_is_ends_before_it_begins(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, io.job(tmp_path / "log", memory_mb=10**9):
        raise AssertionError
    assert ended.value.code == 2
    assert "This job may need 1000000.0 GB of memory and " in capsys.readouterr().err
    with io.job(tmp_path / "log", memory_mb=1):
        pass
    assert "at most 0.0 GB of memory are needed" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(28, "No space left on device", "a.npy"), "a.npy: the disk is full: make room and run the same command again."),
        (OSError("4096 requested and 1024 written"), "A file: the disk is full"),
        (PermissionError(13, "Permission denied", "b"), "b: permission is denied"),
        (MemoryError("Unable to allocate 9. GiB"), "Memory ran out (Unable to allocate 9. GiB)"),
    ],
)
def test_what_the_machine_refuses_is_said_in_one_sentence(error, says, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, io.job(tmp_path / "log"):
        raise error
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(says)
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_temporary_files_of_dead_processes_are_swept(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    host = socket.gethostname()
    left, alive = tmp_path / f".a.{host}-{dead.pid}-x.npy", tmp_path / f".a.{host}-{os.getpid()}-x.npy"
    other = tmp_path / f".b.{host}-{dead.pid}-x.npy"
    for path in (left, alive, other):
        path.touch()
    io.write_array(tmp_path / "a.npy", np.ones(3), {})
    assert (left.exists(), alive.exists(), other.exists()) == (False, True, True)


def test_a_large_file_is_hashed_again_when_it_has_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(io, "_LARGE", 600)
    path, hashed = tmp_path / "a.npy", []
    io.write_array(path, np.ones(100), {})
    known = io.sha256
    monkeypatch.setattr(io, "sha256", lambda path: hashed.append(path) or known(path))
    for _ in range(2):
        io.read_array(path)
    assert len(hashed) == 1
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    with pytest.raises(io.InputError, match="is not the file that its manifest describes"):
        io.read_array(path)


def test_an_interrupted_job_leaves_no_traceback(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop, io.job(tmp_path / "log"):
        raise KeyboardInterrupt
    assert stop.value.code == 130
    assert capsys.readouterr().err == ""
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_json_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([1]))
    (tmp_path / "b.json").write_text('{"a": ')
    for name in ("a.json", "b.json", "c.json"):
        with pytest.raises(io.InputError, match=name):
            io.read_json(tmp_path / name)


def test_json_that_was_changed_is_refused(tmp_path):
    path = tmp_path / "a.json"
    content = {"models": (0, 3), "share": 0.1, "by": {10: 1, 2: 0}}
    io.write_json(path, content)
    assert io.read_json(path) == {"models": [0, 3], "share": 0.1, "by": {"10": 1, "2": 0}}
    path.write_text(path.read_text().replace("0.1", "0.2"))
    with pytest.raises(io.InputError, match="was changed after it was written"):
        io.read_json(path)
    path.write_text('{"models": [0, 3]}')  # a person's
    assert io.read_json(path) == {"models": [0, 3]}
