"""A small run to break: it is started, watched, killed and started again as a person would."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from rethinking_backdoors.io import read_json

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).parent / "faults.yaml"
RESULTS = Path("results/faults")
MARGINS = RESULTS / "exp1/seed0/alpha50/margins/00000.npy"
TABLES = RESULTS / "tables/seeds.csv"
COMMAND = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2", "--configfile", str(CONFIG)]
COMMAND += ["--logger", "progress"]


def start(folder, *targets, before=()):
    """A run in a session of its own, like one of a terminal."""
    command = [*before, *COMMAND, "--directory", str(folder), *map(str, targets)]
    with open(Path(folder) / "log", "a") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True, preexec_fn=heeding)


def heeding():
    """Ctrl-C is heeded, also where a shell has started the tests in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(folder, *targets, before=()):
    """A run to its end: exit code, and what it says."""
    command = [*before, *COMMAND, "--directory", str(folder), *map(str, targets)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout + done.stderr


def rows(folder):
    """How many models of the attacked experiment are sure, and which process makes them."""
    tag = Path(folder) / MARGINS.with_suffix(".partial.json")
    known = read_json(tag) if tag.exists() else {}
    return known.get("rows", 0), known.get("process")


def in_the_middle(folder, process, seconds=180):
    """Waits until some models are trained, and not all."""
    until = time.monotonic() + seconds
    while not rows(folder)[0]:
        assert process.poll() is None, (Path(folder) / "log").read_text()[-3000:]
        assert time.monotonic() < until
        time.sleep(0.05)


def killed(process):
    """Kills the run alone, as `kill -9` does; its jobs live on."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def to_all(process, number):
    """Sends a signal to the run and all its jobs, as a terminal does."""
    os.killpg(process.pid, number)
    process.wait(120)


def taken_up(folder):
    """How many models the last training took up from an earlier one."""
    (log,) = (Path(folder) / RESULTS / "logs/train").glob("exp1-*")
    words = log.read_text().split(" models of an earlier run")[0].split()
    return int(words[-1]) if "models of an earlier run" in log.read_text() else 0


def copied(folder, place):
    shutil.copytree(folder, place)  # with the times of the files, by which Snakemake judges
    return place


def tables(folder):
    return {path.name: path.read_bytes() for path in (Path(folder) / RESULTS / "tables").glob("*.csv")}
