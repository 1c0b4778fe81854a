"""Working through a plan: what fits is done, what is done is packed, and a record says what happened."""

import time
import traceback
import zipfile
from pathlib import Path
from typing import Any

from gpu.plan import Piece, Plan
from rethinking_backdoors.io import atomic, read_json, write_json
from rethinking_backdoors.training.interface import device_name

# What may come back from such a machine: so many files of so many bytes; one of them is the record.
FILES, BYTES = 8, 16 * 2**20
RECORD = "record.json"


def work_through(plan: Plan, out: Path) -> dict[str, Any]:
    """Does every piece of the plan that fits the time and the room. After each, ``out`` holds all that is done so far.

    Returns:
        The record: for every piece its seconds and what came out, or why it was not done.
    """
    import torch

    record: dict[str, Any] = {"device": device_name(plan.device), "torch": torch.__version__, "pieces": []}
    started, measured = time.monotonic(), {}
    for piece in plan.pieces():
        needed = measured.get(piece.kind, piece.seconds)
        if reason := _refused(piece, needed, plan, out):
            record["pieces"].append({"name": piece.name, "not done": reason})
            print(f"{piece.name}: not done, {reason}", flush=True)
            continue
        begun = time.monotonic()
        try:
            found = piece.work()
        except Exception as error:  # the time is lent: what else there is to do goes on
            traceback.print_exc()
            record["pieces"].append({"name": piece.name, "failed": repr(error)})
            continue
        seconds = time.monotonic() - begun
        measured[piece.kind] = 2 * seconds / found["models"] if piece.models else seconds
        record["pieces"].append({"name": piece.name, "predicted": round(needed, 2), "seconds": round(seconds, 2), **found})
        record["seconds"] = round(time.monotonic() - started, 1)
        print(f"{piece.name}: {seconds:.1f} s, {found}", flush=True)
        pack(plan.folder, out, record)
    pack(plan.folder, out, record)
    return record


def _refused(piece: Piece, needed: float, plan: Plan, out: Path) -> str:
    """Why a piece is not begun; empty if it is."""
    if not plan.deadline.fits(needed):
        return f"it needs {needed:.1f} s of {max(plan.deadline.left, 0):.1f} s left"
    room = (FILES - 1 - len(list(out.glob("files-*.zip")))) * BYTES  # a shard is at most one volume
    if piece.models * 2 * len(plan.images["train_label"]) > max(room, 0):
        return "there is no room for what it makes"
    return ""


def pack(folder: Path, out: Path, record: dict[str, Any]) -> None:
    """Writes the record and all whole files of ``folder`` to ``out``, in volumes that never change once the next is begun."""
    out.mkdir(parents=True, exist_ok=True)
    stored = {name for volume in out.glob("files-*.zip") for name in zipfile.ZipFile(volume).namelist()}
    files = [path for path in folder.rglob("*") if path.is_file() and ".partial" not in path.suffixes]
    new = [
        path for path in sorted(files, key=lambda path: path.stat().st_mtime_ns) if str(path.relative_to(folder)) not in stored
    ]
    for path in new:
        last = max(len(list(out.glob("files-*.zip"))) - 1, 0)
        if _size(out, last) + path.stat().st_size > BYTES - 2**16:
            last += 1
        if last >= FILES - 1:
            record.setdefault("left out", []).append(str(path.relative_to(folder)))
            continue
        _add(out / f"files-{last}.zip", path, str(path.relative_to(folder)))
    write_json(out / RECORD, record)


def _size(out: Path, volume: int) -> int:
    path = out / f"files-{volume}.zip"
    return path.stat().st_size if path.exists() else 0


def _add(volume: Path, path: Path, name: str) -> None:
    with atomic(volume) as temporary:
        if volume.exists():
            temporary.write_bytes(volume.read_bytes())
        with zipfile.ZipFile(temporary, "a" if volume.exists() else "w") as archive:
            archive.write(path, name)


def unpack(out: Path, folder: Path) -> dict[str, Any]:
    """Puts what ``pack`` wrote into ``folder``, which keeps what it has; returns the record."""
    for volume in sorted(out.glob("files-*.zip")):
        with zipfile.ZipFile(volume) as archive:
            for name in archive.namelist():
                if not (folder / name).exists():
                    archive.extract(name, folder)
    return read_json(out / RECORD)
