"""One run of the workflow a folder at a time: a lock that dies with its process, and an end to what a killed run left running.

Snakemake's own lock outlives a process that is killed, and then refuses the next run. It is switched off in the profiles.
"""

import fcntl
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psutil

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import read_json, write_json

# Set by a run, inherited by all that it starts: by it the processes of a dead run are known.
MARK = "RETHINKING_BACKDOORS_RUN"
_PATIENCE = 20.0  # seconds that a left process has to end by itself; it ends at the next block of models
_held: list[IO[bytes]] = []


def begin(folder: str | Path, say: Callable[[str], object] = print) -> None:
    """Makes this process the one run of a folder, until it ends; ends the jobs that a dead run of the same folder left.

    Raises:
        InputError: another run holds the folder.
    """
    folder = Path(folder).resolve()
    place = folder / ".snakemake"
    place.mkdir(exist_ok=True)
    file = open(place / "run.lock", "a+b")  # noqa: SIM115 - it stays open as long as this process lives
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise InputError(f"{_holder(place)} is at work in this folder: wait until it ends, or end it.") from None
    except OSError:
        pass  # a file system without locks
    _held.append(file)
    for left in orphans(folder):
        end(left, say)
    os.environ[MARK] = str(folder)
    write_json(place / "run.json", {"host": socket.gethostname(), "process": os.getpid()})


def orphans(folder: Path) -> list[psutil.Process]:
    """Processes that an earlier run of a folder started on this machine and that still live."""
    found, own = [], {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    for process in psutil.process_iter():
        try:
            if process.pid not in own and process.environ().get(MARK) == str(folder):
                found.append(process)
        except (psutil.Error, OSError):  # it ended, or is another user's
            continue
    return found


def end(process: psutil.Process, say: Callable[[str], object]) -> None:
    """Ends a process: asked to first, then forced."""
    try:
        say(f"ends process {process.pid}, which a run that was killed has left")
        process.terminate()
        process.wait(_PATIENCE)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(_PATIENCE)
    except psutil.NoSuchProcess:
        pass


def _holder(place: Path) -> str:
    try:
        known = read_json(place / "run.json")
        return f"Process {known['process']} on {known['host']}"
    except (InputError, KeyError):  # it has not written its name yet
        return "Another run"
