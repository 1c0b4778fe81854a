"""Files: atomic writes, manifests with checksums, readers that say in one sentence what is wrong, and the frame of a job."""

import contextlib
import hashlib
import json
import os
import resource
import socket
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rethinking_backdoors.errors import InputError, reading, refusal, writing

# Files of so many bytes are not hashed again by every reader.
_LARGE = 1 << 26
_CHECKSUM = "checksum"  # of a JSON file's other keys; one that a person has written may lack it


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path in the folder of ``path`` and renames it to ``path`` when the block ends without an error.

    What processes of this machine left there that were killed is removed.
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = f".{path.stem}.{socket.gethostname()}-"
        _sweep(path, mine)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{mine}{os.getpid()}-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _sweep(path: Path, start: str) -> None:
    """Removes the temporary files of dead processes whose names begin so."""
    for name in os.listdir(path.parent):
        process, dash, _ = name.removeprefix(start).partition("-")
        if name.startswith(start) and name.endswith(path.suffix) and dash and process.isdecimal():
            try:
                os.kill(int(process), 0)
            except ProcessLookupError:
                (path.parent / name).unlink(missing_ok=True)
            except OSError:  # another user's
                continue


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(settings: Any) -> str:
    """A short fingerprint (16 hexadecimal digits) of JSON-like settings, independent of the order of keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def digest_arrays(*arrays: np.ndarray) -> str:
    """A short fingerprint (16 hexadecimal digits) of arrays: their types, shapes and values, in the given order."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.name} {array.shape} ".encode())
        found.update(np.ascontiguousarray(array).reshape(-1).data)
    return found.hexdigest()[:16]


def write_text(path: str | Path, text: str) -> None:
    """Writes a text file atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: dict[str, Any]) -> None:
    """Writes a JSON object atomically, one key a line, the last of which is a checksum of the others."""
    plain = json.loads(json.dumps(content))
    write_text(path, json.dumps({**plain, _CHECKSUM: digest(plain)}, indent=1) + "\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Reads a JSON object; raises InputError if the file is missing, is not one, or is not as it was written."""
    with reading(path, "JSON file", _again(path)):
        if Path(path).stat().st_size > _LARGE:
            raise InputError(f"{path} has more than {_LARGE >> 20} MB: it is no manifest.")
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object{_again(path)}")
    written = content.pop(_CHECKSUM, None)
    if written is not None and written != digest(content):
        raise InputError(f"{path} was changed after it was written{_again(path)}")
    return content


def _again(path: str | Path, what: str = "it") -> str:
    """What to do about a damaged file: delete it only where it is one of the workflow's, whose paths begin with results."""
    return (
        f": delete {what} and run the workflow again." if Path(path).parts[:1] == ("results",) else ": it is damaged, or another."
    )


def write_npz(path: str | Path, **arrays: np.ndarray) -> None:
    """Writes named arrays atomically; equal arrays give equal bytes."""
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]


def read_npz(path: str | Path, *names: str) -> dict[str, np.ndarray]:
    """Reads the named arrays (all if none is named) without ever unpickling; raises InputError on a damaged or foreign file."""
    with reading(path, ".npz file", _again(path)), open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
        if missing := set(names) - set(archive.files):
            raise InputError(f"{path} lacks an array ({sorted(missing)[0]}): it is not a file of this project's kind.")
        return {name: archive[name] for name in (names or archive.files)}


def write_array(path: str | Path, array: np.ndarray, manifest: dict[str, Any]) -> None:
    """Writes ``path`` (.npy) and beside it a manifest (.json) that carries the array's SHA-256."""
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array)
    write_manifest(path, manifest)


def write_manifest(path: str | Path, manifest: dict[str, Any]) -> None:
    """Writes the manifest of an existing data file: the given fields and the file's SHA-256."""
    write_json(Path(path).with_suffix(".json"), {**manifest, "sha256": sha256(path)})


def read_array(path: str | Path, mapped: bool = True) -> tuple[np.ndarray, dict[str, Any]]:
    """Reads an array (memory-mapped, or a copy of one's own) and its manifest; raises InputError if the checksum does not fit."""
    manifest = read_json(Path(path).with_suffix(".json"))
    if not Path(path).exists():
        raise InputError(f"{path} does not exist: make it first or correct the path.")
    if _known_sha256(Path(path)) != manifest.get("sha256"):
        raise InputError(f"{path} is not the file that its manifest describes{_again(path, 'both')}")
    with reading(path, ".npy file", _again(path)):
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False), manifest


def _known_sha256(path: Path) -> str:
    """Its SHA-256; of a large file that has not changed since it was last read, from a note beside it.

    Changed is one of another size, time or inode. At the paper's scale four rules read 100 GB of margins each.
    """
    found = path.stat()
    if found.st_size < _LARGE:
        return sha256(path)
    note, seen = path.with_name(f".{path.name}.seen"), [found.st_size, found.st_mtime_ns, found.st_ino]
    with contextlib.suppress(InputError):
        known = read_json(note)
        if known.get("seen") == seen:
            return str(known.get("sha256"))
    computed = sha256(path)
    with contextlib.suppress(InputError, OSError):  # a folder that may not be written to
        write_json(note, {"seen": seen, "sha256": computed})
    return computed


def require_device(device: str) -> None:
    """Raises InputError where torch does not find the GPU that ``device`` ("cpu", "cuda" or "cuda:N") names."""
    if device == "cpu":
        return
    import torch

    if not torch.cuda.is_available():
        raise InputError(f"The device is {device}, but torch finds no GPU here: pass --device cpu or configure it.")
    if device.startswith("cuda:") and int(device.removeprefix("cuda:")) >= torch.cuda.device_count():
        last = torch.cuda.device_count() - 1
        raise InputError(f"The device {device} is not here: torch counts GPUs from cuda:0 to cuda:{last}.")


def require_memory(megabytes: int | None) -> None:
    """Raises InputError where less memory may be used than a job needs at most."""
    if megabytes is None:
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    room = (there if limit == resource.RLIM_INFINITY else min(there, limit)) / 1e9
    print(f"at most {megabytes / 1000:.1f} GB of memory are needed, {room:.1f} are here", flush=True)
    if megabytes > 1000 * room:
        raise InputError(
            f"This job may need {megabytes / 1000:.1f} GB of memory and {room:.1f} GB are here: run it where there is more, or "
            "say that less is enough with --set-resources RULE:mem_mb=MEGABYTES."
        )


@contextlib.contextmanager
def job(log: str | Path, device: str | None = None, memory_mb: int | None = None) -> Iterator[None]:
    """The frame of a workflow script: output goes to the rule's log; what a user caused ends in one sentence and exit code 2.

    That is an InputError, for instance of ``require_device``, or what the machine refuses (``errors.refusal``); anything else is
    a mistake of ours and ends with its traceback.

    Args:
        memory_mb: what the job needs at most, said before it starts, and refused where there is less.
    """
    stderr = sys.stderr
    with (
        open(log, "w", buffering=1, encoding="utf-8") as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):
        try:
            require_device(device or "cpu")
            require_memory(memory_mb)
            yield
        except InputError as error:
            print(error, file=file)
            print(error, file=stderr)
            sys.exit(2)
        except KeyboardInterrupt:
            print("interrupted: run the workflow again to go on", file=file)
            sys.exit(130)
        except Exception as error:
            if sentence := refusal(error):
                print(sentence, file=file)
                print(sentence, file=stderr)
                sys.exit(2)
            traceback.print_exc(file=file)
            raise
