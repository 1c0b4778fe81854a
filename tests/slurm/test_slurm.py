"""The same run on a real Slurm of one node, and what happens when its node dies or a job is requeued: make test-slurm."""

import os
import subprocess
import time

import pytest
from faults.world import MARGINS, RESULTS, ROOT, TABLES, in_the_middle, rows, run, start, tables, taken_up
from slurm.cluster import Cluster, lacking

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("SLURM_TESTS" not in os.environ, reason="takes ten minutes: make test-slurm"),
    pytest.mark.skipif(lacking() is not None, reason=str(lacking())),
]
PROFILE = ["--executor", "slurm", "--profile", str(ROOT / "workflow/profiles/slurm"), "--retries", "3"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def in_cluster(cluster, monkeypatch):
    monkeypatch.setenv("SLURM_CONF", cluster.environment["SLURM_CONF"])
    return cluster


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    folder = tmp_path_factory.mktemp("local") / "a run"
    folder.mkdir()
    code, text = run(folder, TABLES)
    assert code == 0, text[-3000:]
    return folder


def test_the_cluster_gives_the_files_of_a_local_run(in_cluster, local, tmp_path):
    folder = tmp_path / "a run"
    folder.mkdir()
    code, text = run(folder, *PROFILE, "--", TABLES)
    assert code == 0, text[-3000:]
    assert tables(folder) == tables(local)
    for path in (local / RESULTS).glob("exp*/**/*"):
        if path.suffix in (".npy", ".npz"):
            assert path.read_bytes() == (folder / path.relative_to(local)).read_bytes(), path


def test_a_node_that_dies_and_a_job_that_is_requeued_lose_a_block(in_cluster, local, tmp_path):
    folder = tmp_path / "a run"
    folder.mkdir()
    process = start(folder, *PROFILE, "--", MARGINS)
    in_the_middle(folder, process)
    (name,) = subprocess.run(
        ["squeue", "-h", "-o", "%i"], env=in_cluster.environment, capture_output=True, text=True
    ).stdout.split()
    before, job = rows(folder)
    subprocess.run(["scontrol", "requeue", name], env=in_cluster.environment, check=True)
    wait_for_another(folder, process, job)
    assert rows(folder)[0] >= before - 8
    before, job = rows(folder)
    in_cluster.kill("slurmd")
    os.kill(job, 9)  # what a node takes with it
    in_cluster.start_node()
    assert process.wait(400) == 0, (folder / "log").read_text()[-3000:]
    assert taken_up(folder) >= before - 8
    assert (folder / MARGINS).read_bytes() == (local / MARGINS).read_bytes()


def wait_for_another(folder, process, job, seconds=200):
    """Until another process than that one trains."""
    until = time.monotonic() + seconds
    while rows(folder)[1] in (job, None):
        assert process.poll() is None, (folder / "log").read_text()[-3000:]
        assert time.monotonic() < until
        time.sleep(0.2)
