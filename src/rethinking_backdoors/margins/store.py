"""Writes the margins of models: one file a shard of models, appended to block by block, complete or absent."""

import fcntl
import os
import socket
import time
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from rethinking_backdoors.errors import InputError, writing
from rethinking_backdoors.io import atomic, digest, read_json, write_json, write_manifest


class ShardWriter:
    """Collects the margins of one shard's models; what a killed job had written is taken up again.

    Rows go to ``<path>.partial``, which one process at a time holds locked. Beside it lie a fingerprint of its settings, so that
    rows of other settings are never mixed in, how many rows are sure, and their checksum: rows that do not fit are made again.
    ``finish`` makes the final file, which therefore appears only complete.

    Attributes:
        done: how many models' rows are safely stored. seconds: of work up to the last row, earlier runs included.

    Raises:
        InputError: another process writes this shard.
    """

    def __init__(self, path: str | Path, models: int, n: int, settings: dict[str, Any]):
        self.path, self.models, self.n, self.settings = Path(path), models, n, settings
        self.partial = self.path.with_suffix(".partial")
        self._tag = self.path.with_suffix(".partial.json")
        self._fingerprint, self.seconds, self._since = digest({**settings, "n": n}), 0.0, time.perf_counter()
        self.partial.parent.mkdir(parents=True, exist_ok=True)
        self._file = _locked(self.partial, self._tag)
        tag = read_json(self._tag) if self._tag.exists() else {}
        self.done = tag.get("rows", 0) if tag.get("settings") == self._fingerprint else 0
        self._checksum = self._read_checksum()
        if self.done and self._checksum == tag.get("crc32"):
            self.seconds = tag["seconds"]
        else:
            self.done = self._checksum = 0
        self._write_tag()

    def append(self, first: int, rows: np.ndarray) -> None:
        """Stores rows (models, n), the first of which is the shard's model number ``first``; later rows are overwritten.

        Raises:
            ValueError: rows before the first are missing.
        """
        if first > self.done:
            raise ValueError(f"{self.partial} has {self.done} rows: row {first} would leave a gap.")
        if first < self.done:
            self.done = first
            self._checksum = self._read_checksum()
        block = np.ascontiguousarray(rows[: self.models - first], dtype=np.float16).tobytes()
        with writing(self.partial):
            self._file.truncate(self._bytes)
            self._file.seek(self._bytes)
            self._file.write(block)
            self._file.flush()
            os.fsync(self._file.fileno())
        assert self._checksum is not None  # the file is locked, so that its rows are there
        self.done += len(block) // (2 * self.n)
        self._checksum = zlib.crc32(block, self._checksum)
        now = time.perf_counter()
        self.seconds, self._since = self.seconds + now - self._since, now
        self._write_tag()

    def finish(self, first: int, manifest: dict[str, Any]) -> int:
        """Turns the partial file into the array (models, n) float16 with its manifest; after a kill it can be called again.

        The manifest gets ``models``, [first, end], and ``diverged``, those of them whose margins are not all finite; every reader
        leaves them out. Fewer models than planned make a file that is called by its range; none make no file.

        Returns:
            The end.
        """
        rows = np.fromfile(self.partial, dtype=np.float16, count=self.done * self.n).reshape(-1, self.n)
        end, path = first + len(rows), self.path
        if len(rows) < self.models:
            path = path.with_name(f"{shard_name((first, end))}.npy")
        if diverged := [first + int(row) for row in np.flatnonzero(~np.isfinite(rows).all(1))]:
            print(f"models whose margins are not finite, left out of every fit: {', '.join(map(str, diverged))}", flush=True)
        if len(rows):
            with atomic(path) as temporary, open(temporary, "wb") as file:
                np.save(file, rows)
                file.flush()
                os.fsync(file.fileno())
            write_manifest(path, {"models": [first, end], "diverged": diverged, **manifest})
        self.partial.unlink()
        self._tag.unlink()
        self.close()
        return end

    def close(self) -> None:
        """Lets another process write the shard."""
        self._file.close()

    @property
    def _bytes(self) -> int:
        return 2 * self.n * self.done

    def _read_checksum(self) -> int | None:
        """Of the first ``done`` rows; None where there are fewer."""
        self._file.seek(0)
        found, left = 0, self._bytes
        while left:
            block = self._file.read(min(left, 1 << 24))
            if not block:
                return None
            found, left = zlib.crc32(block, found), left - len(block)
        return found

    def _write_tag(self) -> None:
        known = {"settings": self._fingerprint, "seconds": self.seconds, "rows": self.done, "crc32": self._checksum}
        write_json(self._tag, {**known, "host": socket.gethostname(), "process": os.getpid()})


def _locked(path: Path, tag: Path) -> IO[bytes]:
    """A file, open and locked for this process; the lock ends with the process, however that ends."""
    while True:
        file = open(path, "a+b")  # noqa: SIM115 - it stays open as long as its writer
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            owner = read_json(tag) if tag.exists() else {}
            who = f"process {owner['process']} on {owner['host']}" if "process" in owner else "another process"
            raise InputError(f"{path} is being written by {who}: wait until it ends, or end it.") from None
        except OSError:  # a file system without locks
            return file
        # Its last writer may have finished, and removed it, since it was opened.
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
        file.close()


def shard_name(models: tuple[int, int], size: int | None = None) -> str:
    """What the file of some models is called: shards of ``size`` models from a multiple of it on by number, others by range."""
    first, end = models
    return f"{first // size:05d}" if size and end - first == size and first % size == 0 else f"{first:06d}-{end:06d}"
