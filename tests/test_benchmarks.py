"""The benchmark at its smallest: that it runs and prints every table, not how fast anything is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


def test_operations_by_hand_are_those_that_torch_counts(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import operations

    for hand, counted in zip(operations.by_hand(), operations.counted(images=1), strict=True):
        assert hand == pytest.approx(counted, rel=1e-3)
    # 24 epochs of 24 batches of 1,024 images and 50,000 margins.
    training, evaluation = operations.by_hand()
    assert 24 * 24 * 1024 * training + 50000 * evaluation == pytest.approx(1.06e15, rel=0.01)


def test_every_table_is_printed():
    sizes = {"images": 16, "test": 4, "epochs": 1, "batch-size": 4, "models": 1, "seeds": 1, "mlps": 2, "device": "cpu"}
    command = [sys.executable, str(ROOT / "benchmarks/training.py"), *(f"--{name}={value}" for name, value in sizes.items())]
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    rows = ["models an hour", "clean accuracy", "share reached", "perceptrons of", "cifar10_mini"]
    assert [row for row in rows if row not in done.stdout] == []


def test_the_solvers_agree_with_the_libraries_beside_them():
    command = [sys.executable, str(ROOT / "benchmarks/solvers.py"), "--models=600", "--examples=60", "--targets=4"]
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    apart = [float(line.split("|")[-2]) for line in done.stdout.splitlines() if line.startswith(("| inter", "| LASSO"))]
    assert len(apart) == 3
    assert max(apart) < 0.01


def test_the_datamodels_table_is_printed():
    command = [sys.executable, str(ROOT / "benchmarks/datamodels.py"), "--models=60", "--examples=20", "--threads=1"]
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    rows = ["matrix product", "difference in means", "ridge", "LASSO, 2 targets", "all 20 targets"]
    assert [row for row in rows if row not in done.stdout] == []


def test_the_detection_tables_are_printed_and_a_clone_that_is_none_is_named(tmp_path):
    options = ["--n=300", "--size=20", "--restarts=1", "--planted=100", "--threads=1", "--factors=400", f"--released={tmp_path}"]
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks/detection.py"), *options],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    rows = [
        "rows moved / 3k",
        "restarts a second",
        "minutes for 1,000 restarts",
        "planted block",
        "Without a matrix",
        "holds no compute_scores.py",
    ]
    assert [row for row in rows if row not in done.stdout] == []


def test_every_size_is_timed_on_a_device_with_s_sent_once(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import detection

    from rethinking_backdoors.detection import batched
    from rethinking_backdoors.detection.pairs import pair_sums

    sent, once = [], batched._Batch
    monkeypatch.setattr(batched, "_Batch", lambda *arguments: sent.append(arguments) or once(*arguments))
    monkeypatch.setattr(detection, "RESTARTS", 2)
    rows = detection.on_device(pair_sums(detection.noise(100, "float32")), "cpu")
    assert [name for name, _ in rows] == ["S to the device", "10", "20", "40", "all"]
    assert all(float(minutes) >= 0 for _, minutes in rows)
    assert len(sent) == 1
