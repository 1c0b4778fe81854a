"""A real Slurm with one node in a temporary folder; needs root and Debian's slurmctld, slurmd, slurm-client and munge."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

# Job steps look here, whatever the environment says.
PLACE = Path("/etc/slurm/slurm.conf")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "munged")
SETTINGS = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory}
PartitionName=main Nodes={host} Default=YES State=UP
"""


def lacking() -> str | None:
    """Why there can be no cluster here."""
    if os.getuid():
        return "starting Slurm needs root"
    if PLACE.exists():
        return f"{PLACE} is there: a Slurm is configured on this machine"
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    return f"{missing[0]} is not installed (apt-get install slurmctld slurmd slurm-client munge)" if missing else None


class Cluster:
    """Daemons of one node; ``environment`` points the commands at them."""

    def __init__(self, folder: Path):
        self.folder, self.processes = folder, {}
        cores = os.cpu_count() or 1
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 512
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        settings = SETTINGS.format(host=socket.gethostname(), folder=folder, cores=cores, memory=memory)
        (folder / "slurm.conf").write_text(settings)
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}

    def start(self) -> None:
        """Waits until a job runs."""
        PLACE.parent.mkdir(exist_ok=True)
        PLACE.symlink_to(self.folder / "slurm.conf")
        place = Path("/run/munge")
        place.mkdir(exist_ok=True)
        shutil.chown(place, "munge", "munge")
        self._launch("munged", ["runuser", "-u", "munge", "--", "munged", "--foreground", "--force"])
        time.sleep(1)
        self._launch("slurmctld", ["slurmctld", "-D"])
        self.start_node()
        until = time.monotonic() + 60
        while subprocess.run(["srun", "true"], env=self.environment, capture_output=True, timeout=60).returncode:
            assert time.monotonic() < until, (self.folder / "slurmctld.log").read_text()[-2000:]
            time.sleep(1)

    def start_node(self) -> None:
        self._launch("slurmd", ["slurmd", "-D", "-N", socket.gethostname()])

    def kill(self, name: str) -> None:
        """Ends one daemon as a crash does."""
        self.processes[name].kill()
        self.processes.pop(name).wait()

    def stop(self) -> None:
        """Ends every job, then every daemon that ``start`` started."""
        subprocess.run(["scancel", "--user", "root"], env=self.environment, capture_output=True)
        for process in reversed(list(self.processes.values())):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        PLACE.unlink(missing_ok=True)

    def _launch(self, name: str, command: list[str]) -> None:
        with open(self.folder / f"{name}.out", "a") as log:
            self.processes[name] = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
