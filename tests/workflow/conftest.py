"""One finished run of the tiny configuration for all files of tests here, and a copy of it for each."""

import shutil

import pytest
from filelock import FileLock
from running import OLDER, snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id):
    """The run, made by whichever worker needs it first."""
    base = tmp_path_factory.getbasetemp()
    place = (base if worker_id == "master" else base.parent) / "finished run"
    with FileLock(f"{place}.lock"):
        if not (place / "done").exists():
            with pytest.MonkeyPatch.context() as patch:
                for name, value in OLDER.items():
                    patch.setenv(name, value)
                place.mkdir(exist_ok=True)
                code, text = snakemake(place)
            assert code == 0, text[-3000:]
            (place / "done").touch()
    return place


@pytest.fixture(scope="module")
def folder(finished, tmp_path_factory):
    place = tmp_path_factory.mktemp("a folder with spaces") / "run"
    shutil.copytree(finished, place)  # with the times of the files, by which Snakemake judges
    return place
