import os
import subprocess
import sys

import pytest

from rethinking_backdoors import running
from rethinking_backdoors.errors import InputError

HOLD = "import sys; from rethinking_backdoors import running; running.begin(sys.argv[1]); print('held', flush=True); input()"


def holder(folder):
    """Another process that holds the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    monkeypatch.delenv(running.MARK, raising=False)
    yield
    for file in running._held:
        file.close()
    running._held.clear()
    os.environ.pop(running.MARK, None)


def test_a_folder_has_one_run_until_it_dies(tmp_path):
    process = holder(tmp_path)
    with pytest.raises(InputError, match=f"^Process {process.pid} on .* is at work in this folder"):
        running.begin(tmp_path)
    process.kill()
    process.communicate()
    running.begin(tmp_path)
    assert os.environ[running.MARK] == str(tmp_path)


def test_what_a_dead_run_left_is_ended_and_nothing_else(tmp_path):
    left, other, plain = (
        subprocess.Popen(["sleep", "60"], env={**os.environ, running.MARK: str(folder)} if folder else None)
        for folder in (tmp_path, tmp_path / "another", None)
    )
    said = []
    try:
        running.begin(tmp_path, said.append)
        left.wait(10)
        assert said == [f"ends process {left.pid}, which a run that was killed has left"]
        assert other.poll() is None
        assert plain.poll() is None
    finally:
        for process in (left, other, plain):
            process.kill()
            process.wait()
