"""The margins store: one file a shard of models, appended to block by block, complete or absent."""

import fcntl
import os
import socket
import time
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from rethinking_backdoors.errors import InputError, writing
from rethinking_backdoors.io import atomic, digest, read_array, read_json, write_json, write_manifest
from rethinking_backdoors.margins.arrays import PackedMasks, pack
from rethinking_backdoors.margins.subsets import masks

# Masks that are unpacked at a time.
_MODELS_AT_ONCE = 1000
# What the manifests of all shards of one setting share; beside it each names its own `models`, first and end.
_SHARED = ("root", "alpha", "settings", "data")


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


def missing(folder: str | Path, models: tuple[int, int], size: int) -> list[tuple[int, int]]:
    """The ranges of models between models[0] and models[1] that no whole shard in the folder has, cut at multiples of ``size``.

    Raises:
        InputError: a shard is damaged. A file without its manifest is what a kill left behind, and is made again.
    """
    there = np.zeros(models[1], dtype=bool)
    for manifest in sorted(Path(folder).glob("*.json")):
        if (path := manifest.with_suffix(".npy")).exists():
            there[slice(*_read_shard(path).manifest["models"])] = True
    cuts = sorted({*models, *range(-(-models[0] // size) * size, models[1], size)})
    cuts = sorted({*cuts, *(i for i in range(models[0] + 1, models[1]) if there[i] != there[i - 1])})
    return [(first, end) for first, end in pairwise(cuts) if not there[first]]


def open_shards(paths: Sequence[str | Path], asked: dict[str, Any] | None = None) -> tuple[list[np.ndarray], dict[str, Any]]:
    """The shards of one setting in the order of their models, without those that diverged.

    Args:
        asked: what their manifests have to say, ``root`` and ``alpha`` for instance; see ``experiment.asked``.

    Returns:
        Margins (models, n) float16 of each shard, memory-mapped, and what the manifests share, with ``models`` the (m,) list of
        model indices.

    Raises:
        InputError: a shard is damaged or none at all, or the shards do not belong together or not here.
    """
    shards = sorted((_read_shard(path) for path in paths), key=lambda shard: shard.manifest["models"])
    for shard in shards:
        if any(shard.manifest[key] != value for key, value in (asked or {}).items()):
            raise InputError(
                f"{shard.path} is of another experiment, seed or subset fraction than its place says: delete it and its .json, "
                "and run the workflow again."
            )
    for shard in shards[1:]:
        _check_same(shards[0], shard)
    for one, following in pairwise(shards):
        _check_apart(one, following)
    models = [index for shard in shards for index in shard.models]
    return [shard.rows for shard in shards], {**{key: shards[0].manifest[key] for key in _SHARED}, "models": models}


class _Shard(NamedTuple):
    path: str | Path
    rows: np.ndarray
    models: list[int]
    manifest: dict[str, Any]


def _read_shard(path: str | Path) -> _Shard:
    """Refuses arrays of other kinds, shards that did not note their data, and manifests that claim what is not there."""
    rows, manifest = read_array(path)
    if missing := [key for key in ("models", *_SHARED) if key not in manifest]:
        raise InputError(f"{path} is no shard of margins, or an old one: its manifest lacks {', '.join(missing)}; make it again.")
    _check_manifest(path, rows, manifest)
    models, diverged = range(*manifest["models"]), set(manifest.get("diverged", []))
    kept = [row for row, index in enumerate(models) if index not in diverged]
    return _Shard(path, rows[kept] if diverged else rows, [models[row] for row in kept], manifest)


def _check_manifest(path: str | Path, rows: np.ndarray, manifest: dict[str, Any]) -> None:
    """Whether a manifest is about these rows: nothing that it says is believed, or made room for, before that."""
    models, diverged, alpha, root = (manifest.get(key, []) for key in ("models", "diverged", "alpha", "root"))
    whole = [value for value in (models, diverged) if isinstance(value, list) and all(type(x) is int and x >= 0 for x in value)]
    right = rows.ndim == 2 and rows.dtype.kind == "f" and len(whole) == 2 and len(models) == 2
    right = right and models[1] - models[0] == len(rows) and all(models[0] <= index < models[1] for index in diverged)
    right = (
        right and isinstance(alpha, float) and 0 < alpha <= 1 and isinstance(root, str) and root.isdecimal() and len(root) < 100
    )
    if not right:
        raise InputError(f"{path} has a manifest that does not describe it: make it again, or take it out.")


def _check_same(one: _Shard, other: _Shard) -> None:
    """Whether two shards are of one setting and one training set."""
    differing = {key for key in _SHARED if one.manifest[key] != other.manifest[key]}
    if differing == {"data"}:
        raise InputError(
            f"The shards {one.path} and {other.path} were trained on different data (another attack, or an adversary or features "
            "made anew on another machine): make them again on one machine."
        )
    if differing:
        raise InputError(f"The shards {one.path} and {other.path} come from different settings: make them again.")


def _check_apart(one: _Shard, following: _Shard) -> None:
    """Whether two shards, the second of which begins no earlier, have no model in common."""
    (_, end), (first, last) = one.manifest["models"], following.manifest["models"]
    if first < end:
        both = f"{first} to {min(end, last) - 1}"
        raise InputError(f"The shards {one.path} and {following.path} both hold the models {both}: leave one of them out.")


def open_with_masks(
    paths: Sequence[str | Path], asked: dict[str, Any] | None = None
) -> tuple[PackedMasks, list[np.ndarray], dict[str, Any]]:
    """The masks of all models (m, n), drawn again from their seeds; otherwise as ``open_shards``."""
    shards, common = open_shards(paths, asked)
    models, n = common["models"], shards[0].shape[1]
    parts = (models[start : start + _MODELS_AT_ONCE] for start in range(0, len(models), _MODELS_AT_ONCE))
    return pack(masks(int(common["root"]), common["alpha"], part, n) for part in parts), shards, common
