"""One writer a shard, and nothing but whole rows: what two writers, a kill and a damaged disk do."""

import contextlib
import subprocess
import sys

import numpy as np
import pytest

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import read_array, read_json, write_array
from rethinking_backdoors.margins.shards import open_shards
from rethinking_backdoors.margins.store import ShardWriter

N = 30
MANIFEST = {"alpha": 0.5, "root": "1", "settings": "s", "data": "d"}
OTHER = """
import sys, time
import numpy as np
from rethinking_backdoors.margins.store import ShardWriter
writer = ShardWriter(sys.argv[1], 8, 30, {"root": "1"})
writer.append(0, np.full((3, 30), 7.0))
print("written", flush=True)
time.sleep(60)
"""


@pytest.fixture
def writer():
    """Makes writers of one shard, closed at the end."""
    with contextlib.ExitStack() as made:
        yield lambda folder, settings=None: made.enter_context(
            contextlib.closing(ShardWriter(folder / "a.npy", 8, N, settings or {"root": "1"}))
        )


@pytest.fixture
def other(tmp_path):
    """Another process that has written three rows and goes on."""
    command = [sys.executable, "-c", OTHER, str(tmp_path / "a.npy")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() == "written\n"
        yield running
        running.kill()


def test_a_second_writer_is_refused_by_name_and_loses_nothing(other, tmp_path, writer):
    before = (tmp_path / "a.partial").read_bytes()
    with pytest.raises(InputError, match=rf"a\.partial is being written by process {other.pid} on .*: wait until it ends"):
        writer(tmp_path)
    with pytest.raises(InputError, match="is being written"):
        writer(tmp_path, {"root": "another"})
    assert (tmp_path / "a.partial").read_bytes() == before


def test_after_a_kill_the_lock_is_gone_and_the_rows_are_there(other, tmp_path, writer):
    other.kill()
    other.wait()
    again = writer(tmp_path)
    assert again.done == 3
    again.append(3, np.full((5, N), 8.0))
    again.finish(0, MANIFEST)
    rows, _ = read_array(tmp_path / "a.npy")
    assert rows[:, 0].tolist() == [7, 7, 7, 8, 8, 8, 8, 8]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.npy"]


def test_rows_that_a_kill_cut_off_or_that_were_never_noted_do_not_count(tmp_path, writer):
    one = writer(tmp_path)
    one.append(0, np.ones((2, N)))
    one.close()
    with open(tmp_path / "a.partial", "ab") as file:
        file.write(b"\1" * (2 * N + 5))
    again = writer(tmp_path)
    assert again.done == 2
    again.append(2, np.full((6, N), 2.0))
    again.finish(0, MANIFEST)
    assert read_array(tmp_path / "a.npy")[0][:, 0].tolist() == [1, 1, 2, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("damage", [lambda data: data[:50] + b"\7" + data[51:], lambda data: data[:-3], lambda data: b""])
def test_rows_that_changed_on_disk_are_made_again(tmp_path, damage, writer):
    one = writer(tmp_path)
    one.append(0, np.ones((2, N)))
    one.close()
    (tmp_path / "a.partial").write_bytes(damage((tmp_path / "a.partial").read_bytes()))
    assert writer(tmp_path).done == 0


def test_no_row_is_left_out(tmp_path, writer):
    one = writer(tmp_path)
    one.append(0, np.ones((2, N)))
    with pytest.raises(ValueError, match=r"has 2 rows: row 3 would leave a gap"):
        one.append(3, np.ones((2, N)))


def test_rows_that_are_written_again_replace_what_followed(tmp_path, writer):
    one = writer(tmp_path)
    one.append(0, np.ones((4, N)))
    one.append(1, np.full((2, N), 5.0))
    assert one.done == 3
    one.close()
    again = writer(tmp_path)
    assert again.done == 3
    assert read_json(tmp_path / "a.partial.json")["rows"] == 3
    again.finish(0, MANIFEST)
    assert read_array(tmp_path / "000000-000003.npy")[0][:, 0].tolist() == [1, 5, 5]


@pytest.mark.parametrize(
    "lie",
    [
        {"models": [160, 10**12]},
        {"models": [8, 0]},
        {"models": [0.0, 8.0]},
        {"models": [0, 4, 8]},
        {"models": "08"},
        {"models": [-4, 4]},
        {"diverged": [9]},
        {"diverged": [[0]]},
        {"diverged": 3},
        {"alpha": "half"},
        {"alpha": float("nan")},
        {"alpha": 2.0},
        {"root": 7},
        {"root": "9" * 5000},
        {"root": "x"},
    ],
    ids=str,
)
def test_a_manifest_that_lies_is_not_believed(tmp_path, lie):
    write_array(tmp_path / "a.npy", np.ones((8, N), np.float16), {"models": [0, 8], "diverged": [], **MANIFEST, **lie})
    with pytest.raises(InputError, match=r"a\.npy has a manifest that does not describe it"):
        open_shards([tmp_path / "a.npy"])


def test_an_array_of_another_kind_is_no_shard(tmp_path):
    for name, array in (("flat", np.ones(8, np.float16)), ("whole", np.ones((8, N), np.int64))):
        write_array(tmp_path / f"{name}.npy", array, {"models": [0, 8], **MANIFEST})
        with pytest.raises(InputError, match="does not describe it"):
            open_shards([tmp_path / f"{name}.npy"])
