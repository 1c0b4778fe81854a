"""What a user hands to make stays data."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("target", ["check", "report", "reference", "reference-run"])
def test_the_name_of_a_configuration_is_never_run(tmp_path, target):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    python = tmp_path / ".venv/bin/python"  # notes what it is called with
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >> called\n')
    python.chmod(0o755)
    name = 'a"; touch hit; echo "`touch hit`.yaml'
    command = ["make", "-o", ".venv/.ready", target, f"CONFIG={name}"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert not (tmp_path / "hit").exists()
    assert name in (tmp_path / "called").read_text().splitlines()
