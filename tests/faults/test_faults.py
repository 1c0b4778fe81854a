"""The fault table of docs/faults.md: each row is done to a real run; then the same command completes with the same tables.

The whole table takes a quarter of an hour: `make test-faults`. `make test` does the first two rows.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from faults import world
from faults.world import MARGINS, RESULTS, TABLES, in_the_middle, rows, run, start, tables, taken_up

pytestmark = pytest.mark.slow
long = pytest.mark.skipif("FAULTS" not in os.environ, reason="takes long: make test-faults")
BLOCK = 8  # models that are trained together in faults.yaml


def completes(folder, undisturbed, before=0):
    """The same command ends well, with the tables of an undisturbed run; at most a block of models was made twice."""
    code, text = run(folder, TABLES)
    assert code == 0, text[-3000:]
    assert tables(folder) == tables(undisturbed)
    if before:
        assert taken_up(folder) >= before - BLOCK
    return text


def test_a_second_run_refuses_and_a_killed_one_goes_on(folder):
    process = start(folder, MARGINS)
    in_the_middle(folder, process)
    code, text = run(folder, MARGINS)
    assert code == 2
    assert f"Process {process.pid}" in text
    assert "is at work in this folder: wait until it ends, or end it." in text
    world.killed(process)
    before, job = rows(folder)
    code, text = run(folder, MARGINS)
    assert code == 0, text[-3000:]
    if job:  # else it had finished
        assert not Path(f"/proc/{job}").exists()
    assert (folder / MARGINS).exists()
    assert taken_up(folder) >= before - BLOCK
    assert not list(folder.glob("**/*.partial"))


@long
def test_a_training_job_is_killed(folder, undisturbed):
    process = start(folder, TABLES)
    in_the_middle(folder, process)
    before, job = rows(folder)
    os.kill(job, signal.SIGKILL)
    assert process.wait(300) != 0
    assert "A job was killed (SIGKILL), by somebody or because memory ran out" in (folder / "log").read_text()
    completes(folder, undisturbed, before)


@long
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP", "SIGTERM"])
def test_a_terminal_ends_it(name, folder, undisturbed):
    process = start(folder, TABLES)
    in_the_middle(folder, process)
    before, _ = rows(folder)
    world.to_all(process, getattr(signal, name))
    completes(folder, undisturbed, before)


@long
def test_snakemake_is_killed_five_times(folder, undisturbed):
    chance = random.Random(0)
    for _ in range(5):
        process = start(folder, TABLES)
        time.sleep(chance.uniform(4, 12))
        world.killed(process)
    completes(folder, undisturbed)


@long
@pytest.mark.parametrize("stage", ["training set", "margins", "matrix"])
def test_the_disk_is_full(stage, folder, undisturbed):
    # Room for the images alone; for the two training sets too, and a third of the margins; for all but the matrices.
    size = {"training set": "1200k", "margins": "9400k", "matrix": "11600k"}[stage]
    (folder / "results").mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder / "results"], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        code, text = run(folder, TABLES)
        assert code == 1
        assert "the disk is full: make room and run the same command again." in text
        assert "Traceback" not in text
        subprocess.run(["mount", "-o", "remount,size=300m", folder / "results"], check=True)
        completes(folder, undisturbed)
    finally:
        subprocess.run(["umount", folder / "results"], check=True)


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def foreign(path):
    other = Path(str(path).replace("exp1", "exp0"))
    for suffix in (".npy", ".json"):
        shutil.copyfile(other.with_suffix(suffix), path.with_suffix(suffix))


@long
@pytest.mark.parametrize("damage", [cut, flipped, foreign])
def test_margins_are_damaged(damage, folder, undisturbed):
    shutil.copytree(undisturbed, folder, dirs_exist_ok=True)
    damage(folder / MARGINS)
    code, text = run(folder, TABLES)
    assert code == 1
    expected = "is of another experiment" if damage is foreign else "is not the file that its manifest describes: delete both"
    assert expected in text
    assert "Traceback" not in text
    for suffix in (".npy", ".json"):
        (folder / MARGINS).with_suffix(suffix).unlink()
    completes(folder, undisturbed)


@long
@pytest.mark.parametrize("damage", [cut, flipped])
def test_the_training_set_is_damaged(damage, folder, undisturbed):
    shutil.copytree(undisturbed, folder, dirs_exist_ok=True)
    (file,) = (folder / RESULTS / "exp1").glob("**/*.beton")
    damage(file)
    code, text = run(folder, TABLES)
    assert code == 1
    assert f"{file.relative_to(folder)} is truncated or no .beton file" in text
    file.unlink()
    completes(folder, undisturbed)


@long
def test_results_may_not_be_written(folder, undisturbed):
    powerless = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--inh-caps=-all"] if not os.getuid() else []
    if powerless and not shutil.which("setpriv"):
        pytest.skip("setpriv, which takes root's rights away, is not here")
    process = start(folder, MARGINS)
    in_the_middle(folder, process)
    world.to_all(process, signal.SIGINT)
    place = (folder / MARGINS).parent
    place.chmod(0o555)
    for path in place.iterdir():
        path.chmod(0o444)
    code, text = run(folder, MARGINS, before=powerless)
    assert code == 1
    assert "permission is denied: see who owns it and its folder." in text
    assert "Traceback" not in text
    place.chmod(0o755)
    for path in place.iterdir():
        path.chmod(0o644)
    completes(folder, undisturbed)


@long
def test_a_fit_needs_more_memory_than_there_is(folder, undisturbed):
    code, text = run(folder, "--set-resources", "datamodel:mem_mb=100000000", "--", TABLES)
    assert code == 1
    assert "This job may need 100000.0 GB of memory and" in text
    assert "Traceback" not in text
    assert not list(folder.glob("**/datamodel_*.npy"))
    completes(folder, undisturbed)
