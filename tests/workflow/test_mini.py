"""Real CIFAR-10 on a processor, cut down: networks on fixed features, in the workflow and by the command."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from rethinking_backdoors.cli import app
from rethinking_backdoors.io import read_json

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small(tmp_path, real_cifar10):
    config = yaml.safe_load((ROOT / "config/cifar10_mini.yaml").read_text())
    config["images"] |= {"train": 400, "test": 100, "spare": 300}
    config["experiments"] = [{**config["experiments"][5], "poisoned": 10}]
    config["features"] |= {"patches": 16, "components": 20}
    config["adversary"]["training"]["epochs"] = 1
    config["adversary"]["attack"]["steps"] = 2
    config |= {"models": {"count": 32, "shard": 32}, "seeds": [3, 4]}
    del config["comparisons"], config["figure2"]
    config["detectors"] = {name: {**detector, "sizes": [10]} for name, detector in config["detectors"].items()}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_the_command_makes_the_margins_of_the_workflow(small, tmp_path):
    wanted = "results/cifar10_mini/exp5/seed4/alpha50/margins/00000.npy"
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        ROOT / "Snakefile",
        "--directory",
        tmp_path,
        "--cores",
        "2",
        wanted,
    ]
    done = subprocess.run([*map(str, command), "--configfile", str(small)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    words = ["train", "--config", str(small), "--experiment", "5", "--seed", "4", "--out", str(tmp_path / "made")]
    made = CliRunner().invoke(app, words)
    assert made.exit_code == 0, made.output
    assert (tmp_path / "made/alpha50/margins/00000.npy").read_bytes() == (tmp_path / wanted).read_bytes()
    assert np.load(tmp_path / wanted).shape == (32, 400)
    # Which data were read is on record, with what is not official about this copy.
    assert set(read_json(tmp_path / "results/cifar10_mini/images/seed4.json")) >= {"sha256", "official", "note"}
