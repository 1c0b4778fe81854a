"""Runs the real Snakefile on a configuration, for the tests."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).parent / "tiny.yaml"
RESULTS = Path("results/tiny")
PART = "results/cifar10/part.yaml"
# What somebody may have exported: the workflow's own choice of kernels wins.
OLDER = {"ATEN_CPU_CAPABILITY": "default", "OPENBLAS_CORETYPE": "Nehalem"}


def snakemake(folder, *arguments, config=TINY, snakefile=ROOT / "Snakefile"):
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--directory", folder, "--cores", "2"]
    done = subprocess.run([*map(str, [*command, *arguments, "--configfile", config])], capture_output=True, text=True, cwd=ROOT)
    return done.returncode, done.stdout + done.stderr


def planned(folder, *targets, config=TINY):
    """The rules that a run would execute, each with how often."""
    code, text = snakemake(folder, *targets, "--dry-run", "--quiet", "rules", config=config)
    assert code == 0, text
    if "Nothing to be done" in text:
        return {}
    table = text[text.index("job ") :]
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE) if name != "total"}


def variant(tmp_path, change):
    config = yaml.safe_load(TINY.read_text())
    change(config)
    path = tmp_path / "variant.yaml"
    path.write_text(yaml.safe_dump(config))
    return path
