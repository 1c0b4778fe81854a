"""The margins store: one file a shard of models, appended to block by block, complete or absent."""

import os
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rethinking_backdoors.io import InputError, atomic, digest, read_array, read_json, write_json, write_manifest
from rethinking_backdoors.training.subsets import masks

if TYPE_CHECKING:
    from rethinking_backdoors.datamodels import PackedMasks

# Masks that are unpacked at a time.
_MODELS_AT_ONCE = 1000
# What the manifests of all shards of one setting share; beside it each names its own `models`, first and end.
_SHARED = ("root", "alpha", "settings", "data")


class ShardWriter:
    """Collects the margins of one shard's models; what a killed job had written is taken up again.

    Rows go to ``<path>.partial``; a fingerprint of its settings lies beside it, so that rows of other settings are never mixed
    in, with the seconds that the rows took. ``finish`` makes the final file, which therefore appears only complete.

    Attributes:
        seconds: of work from the writer's making to its last row, earlier runs included.
    """

    def __init__(self, path: str | Path, models: int, n: int, settings: dict[str, Any]):
        self.path, self.models, self.n, self.settings = Path(path), models, n, settings
        self.partial = self.path.with_suffix(".partial")
        self._tag = self.path.with_suffix(".partial.json")
        self._fingerprint, self.seconds, self._since = digest({**settings, "n": n}), 0.0, time.perf_counter()
        tag = read_json(self._tag) if self.partial.exists() and self._tag.exists() else {}
        if tag.get("settings") == self._fingerprint:
            self.seconds = tag["seconds"]
        else:
            self.partial.parent.mkdir(parents=True, exist_ok=True)
            self.partial.write_bytes(b"")
            self._write_tag()

    @property
    def done(self) -> int:
        """How many models' rows are safely stored (a row that was cut off does not count)."""
        return self.partial.stat().st_size // (2 * self.n)

    def append(self, first: int, rows: np.ndarray) -> None:
        """Stores rows (models, n), the first of which is the shard's model number ``first``; later rows are overwritten."""
        with open(self.partial, "r+b") as file:
            file.truncate(first * 2 * self.n)
            file.seek(0, os.SEEK_END)
            file.write(np.ascontiguousarray(rows[: self.models - first], dtype=np.float16).tobytes())
        now = time.perf_counter()
        self.seconds, self._since = self.seconds + now - self._since, now
        self._write_tag()

    def finish(self, manifest: dict[str, Any]) -> None:
        """Turns the partial file into the array (models, n) float16 with its manifest; after a kill it can be called again."""
        rows = np.fromfile(self.partial, dtype=np.float16).reshape(self.models, self.n)
        with atomic(self.path) as temporary, open(temporary, "wb") as file:
            np.save(file, rows)
        write_manifest(self.path, manifest)
        self.partial.unlink()
        self._tag.unlink()

    def _write_tag(self) -> None:
        write_json(self._tag, {"settings": self._fingerprint, "seconds": self.seconds})


def open_shards(paths: Sequence[str | Path]) -> tuple[list[np.ndarray], dict[str, Any]]:
    """The shards of one setting in the order of their models.

    Returns:
        Margins (models, n) float16 of each shard, memory-mapped, and what the manifests share, with ``models`` the (m,) list of
        model indices.

    Raises:
        InputError: a shard is damaged or none at all, or the shards do not belong together.
    """
    shards = sorted((_read_shard(path) for path in paths), key=lambda shard: shard.manifest["models"])
    for shard in shards[1:]:
        _check_same(shards[0], shard)
    for one, following in pairwise(shards):
        _check_apart(one, following)
    models = [index for shard in shards for index in range(*shard.manifest["models"])]
    return [shard.rows for shard in shards], {**{key: shards[0].manifest[key] for key in _SHARED}, "models": models}


class _Shard(NamedTuple):
    path: str | Path
    rows: np.ndarray
    manifest: dict[str, Any]


def _read_shard(path: str | Path) -> _Shard:
    """Refuses arrays of other kinds, and shards of a version that did not note its data."""
    rows, manifest = read_array(path)
    if missing := [key for key in ("models", *_SHARED) if key not in manifest]:
        raise InputError(f"{path} is no shard of margins, or an old one: its manifest lacks {', '.join(missing)}; make it again.")
    return _Shard(path, rows, manifest)


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


def open_with_masks(paths: Sequence[str | Path]) -> tuple["PackedMasks", list[np.ndarray], dict[str, Any]]:
    """The masks of all models (m, n), drawn again from their seeds; otherwise as ``open_shards``."""
    from rethinking_backdoors.datamodels import pack  # only here: the estimators take as long to load as a small shard to train

    shards, common = open_shards(paths)
    models, n = common["models"], shards[0].shape[1]
    parts = (models[start : start + _MODELS_AT_ONCE] for start in range(0, len(models), _MODELS_AT_ONCE))
    return pack(masks(int(common["root"]), common["alpha"], part, n) for part in parts), shards, common
