"""The undisturbed run, whose tables every disturbed one has to give."""

import pytest
from faults.world import TABLES, run
from filelock import FileLock


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, worker_id):
    """Made by whichever worker needs it first."""
    base = tmp_path_factory.getbasetemp()
    place = (base if worker_id == "master" else base.parent) / "undisturbed run"
    with FileLock(f"{place}.lock"):
        if not (place / "done").exists():
            place.mkdir(exist_ok=True)
            code, text = run(place, TABLES)
            assert code == 0, text[-3000:]
            (place / "done").touch()
    return place


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "a run"
    place.mkdir()
    return place
