import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

COMMAND = [sys.executable, "-m", "rethinking_backdoors.cli", "scan"]


def run(*arguments, cwd):
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)


def written(path, each):
    """An .npz file of six labels that can be told apart, ``each`` examples of each."""
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(6), each)
    np.savez(path, features=2 * np.eye(6)[labels] + 0.5 * rng.standard_normal((6 * each, 6)), labels=labels)
    return path


@pytest.fixture
def archive(tmp_path):
    return written(tmp_path / "data.npz", 50)


def test_a_scan_answers_in_five_lines_and_four_files(archive, tmp_path):
    made = run(archive, "--out", tmp_path / "out", "--budget", "25s", "--threads", 1, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    lines = made.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["answer", "evidence", "scanned", "next", "files"]
    assert made.stderr == ""  # silent in a pipe
    facts = json.loads((tmp_path / "out/scan.json").read_text())
    assert facts["alarm"] is False
    assert facts["seconds"] < 1.1 * 25 + 5
    assert len(pd.read_csv(tmp_path / "out/scores.csv")) == 300
    assert len((tmp_path / "out/kept.txt").read_text().split()) == 300
    assert "<h1>" in (tmp_path / "out/report.html").read_text()


def heeding():
    """Ctrl-C is heeded, also where a shell has started the tests in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_scan_goes_on(tmp_path):
    # Enough that it is still training when the first shard has been seen, however busy the machine is.
    archive, out = written(tmp_path / "data.npz", 250), tmp_path / "out"
    arguments = [*COMMAND, str(archive), "--out", str(out), "--budget", "10m", "--threads", "2"]
    running = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heeding)
    deadline = time.monotonic() + 60
    while not list(out.glob("work/data/fraction*/*[0-9].json")) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGINT)
    _, words = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "interrupted: the same command goes on where it stopped" in words
    # A file without its manifest is what the interruption left behind: it is made again.
    files = out.glob("work/data/fraction*/*.npy")
    before = {path: path.stat().st_mtime_ns for path in files if path.with_suffix(".json").exists()}
    made = run(archive, "--out", out, "--budget", "40s", "--threads", 2, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert before
    assert all(path.stat().st_mtime_ns == since for path, since in before.items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.npz"], "missing.npz does not exist"),
        (["data.npz", "--budget", "soon"], "give a time such as 90s, 30m or 2h"),
        (["data.npz", "--budget", "1s"], "The budget buys"),
        (["data.npz", "--model", "resnet"], "there are auto, mlp, patches"),
        (["data.npz", "--trainer", "nowhere:f"], "give module:function"),
        (["data.npz", "--label", "x"], "--label names a column of a table"),
        (["data.npz", "--trusted", "table.csv"], "--trusted does not take tables"),
        (["table.csv"], "say with --label which column is the label"),
    ],
)
def test_what_a_user_caused_ends_in_one_sentence(archive, tmp_path, arguments, message):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    made = run(*arguments, "--out", tmp_path / "out", cwd=tmp_path)
    assert made.returncode == 2
    assert message in made.stderr
    assert len(made.stderr.strip().splitlines()) == 1
    assert not Path(tmp_path / "out/scan.json").exists()
