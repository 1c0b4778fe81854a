import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())


def test_every_conda_line_is_a_spec():
    rattler = pytest.importorskip("rattler")
    specs = [line for line in CONDA["dependencies"] if isinstance(line, str)]
    assert specs[0] == "python=3.11"
    for line in specs:
        # The parser takes further words for a version and a build: one word a line is what is meant here.
        assert len(line.split()) == 1
        rattler.MatchSpec(line)
    with pytest.raises(Exception, match=r".+"):
        rattler.MatchSpec("numpy>>1")


def test_the_pins_of_conda_and_of_the_project_are_equal():
    (pip,) = (line["pip"] for line in CONDA["dependencies"] if isinstance(line, dict))
    assert pip == PROJECT["optional-dependencies"]["reproduce"]
    assert all("==" in line for line in pip)


def test_the_lock_holds_every_pin():
    locked = (ROOT / "requirements.lock").read_text().lower().splitlines()
    pins = PROJECT["optional-dependencies"]
    assert [line for line in pins["reproduce"] + pins["test"] if line.lower() not in locked] == []
    assert not any("://" in line for line in locked)
