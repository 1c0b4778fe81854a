"""The short commands of README.md and docs/ are run as they stand there; the long ones are planned."""

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from rethinking_backdoors.margins.subsets import masks

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WORDS = r"^    ((?:[A-Z_]+=\S+ )?(?:snakemake|make|rethinking-backdoors) [^#\n]+)"
FOUND = [command.strip() for page in PAGES for command in re.findall(WORDS, page.read_text(), re.MULTILINE)]
COMMANDS = list(dict.fromkeys(FOUND))
OWN = [command for command in COMMANDS if command.startswith("rethinking-backdoors")]


def of(program):
    """The commands of a program, without the variables that are set before it."""
    return sorted({command[command.index(program) :] for command in COMMANDS if program in command.split()})


@pytest.fixture
def place(tmp_path):
    """A folder with what the commands read: a configuration of one's own, margins of models that share a feature, suspects."""
    (tmp_path / "config").symlink_to(ROOT / "config")
    config = yaml.safe_load((ROOT / "tests/workflow/tiny.yaml").read_text())
    config["experiments"][1] |= {"experiment": 1, "alphas": [0.5]}
    config["training"] |= {"epochs": 1, "peak_epoch": 0.5, "hidden": 4}
    config |= {"models": {"count": 4000, "shard": 4000}, "comparisons": {}}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(config))
    drawn = masks(0, 0.5, range(300), 100)
    values = np.random.default_rng(0).standard_normal((300, 100))
    values[:, :10] += drawn[:, :10].sum(1, keepdims=True)
    np.save(tmp_path / "masks.npy", drawn)
    np.save(tmp_path / "margins.npy", values)
    labels = np.arange(150) % 6
    values = 2 * np.eye(6)[labels] + 0.5 * np.random.default_rng(0).standard_normal((150, 6))
    np.savez(tmp_path / "data.npz", features=values, labels=labels)
    pd.DataFrame(values).assign(answer=labels).to_csv(tmp_path / "table.csv", index=False)
    for number, label in enumerate(labels):
        (tmp_path / f"photos/{label}").mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 100, (8, 8, 3)) + 150 * (np.arange(8) == label)[:, None, None]
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"photos/{label}/{number:03}.png")
    (tmp_path / "suspects.txt").write_text("\n".join(map(str, range(10))))
    return tmp_path


def run(command, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.parametrize("command", [command for command in of("snakemake") if "slurm" not in command])
def test_a_snakemake_command_plans_what_it_says(command, place):
    words = shlex.split(command)[1:]
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(place), "--dry-run"]
    assert "Job stats" in run([*start, "--quiet", "rules", *words] if "--quiet" not in words else [*start, *words], place)


@pytest.mark.parametrize("command", of("make"))
def test_a_make_command_has_a_rule(command):
    assert run(["make", "-n", "--no-print-directory", *shlex.split(command)[1:]], ROOT)


def test_a_scan_as_it_stands_there_answers(place):
    scans = [command for command in OWN if command.split()[1] == "scan"]
    assert len(scans) == 3
    for command in scans:
        # Small pictures stay small, so that the test is short.
        small = ["--side", "8"] if "photos/" in command else []
        said = run([sys.executable, "-m", "rethinking_backdoors.cli", *shlex.split(command)[1:], *small], place)
        assert said.startswith("answer: ")
        assert (place / shlex.split(command)[shlex.split(command).index("--out") + 1] / "report.html").is_file()


def test_the_commands_for_data_of_one_s_own_do_what_is_promised(place):
    commands = [command for command in OWN if command.split()[1] != "scan"]
    assert [command.split()[1] for command in commands] == ["fit", "detect", "strength", "detect", "train", "detect", "train"]
    said = [run([sys.executable, "-m", "rethinking_backdoors.cli", *shlex.split(command)[1:]], place) for command in commands]
    for name in (
        "W.npy",
        "W.json",
        "scores.csv",
        "scores.json",
        "scores.png",
        "no-matrix.csv",
        "trak.csv",
        "margins/alpha50/margins/00000.npy",
    ):
        assert (place / name).is_file(), name
    with open(place / "scores.csv", newline="") as file:
        first = {row["index"] for row in csv.DictReader(file) if int(row["rank"]) <= 10}
    assert first == set(map(str, range(10)))
    assert said[2]
