"""The margins store: one file a shard of models, appended to block by block, complete or absent."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rethinking_backdoors.io import InputError, atomic, digest, read_array, read_json, write_json, write_manifest
from rethinking_backdoors.training.subsets import masks

if TYPE_CHECKING:
    from rethinking_backdoors.datamodels import PackedMasks

# Masks that are unpacked at a time.
_MODELS_AT_ONCE = 1000


class ShardWriter:
    """Collects the margins of one shard's models; what a killed job had written is taken up again.

    Rows go to ``<path>.partial``; its settings lie beside it, so that rows of other settings are never mixed in. ``finish``
    makes the final file, which therefore appears only complete.
    """

    def __init__(self, path: str | Path, models: int, n: int, settings: dict[str, Any]):
        self.path, self.models, self.n, self.settings = Path(path), models, n, settings
        self.partial = self.path.with_suffix(".partial")
        self._tag = self.path.with_suffix(".partial.json")
        fingerprint = {"settings": digest({**settings, "n": n})}
        if not (self.partial.exists() and self._tag.exists() and read_json(self._tag) == fingerprint):
            self.partial.parent.mkdir(parents=True, exist_ok=True)
            self.partial.write_bytes(b"")
            write_json(self._tag, fingerprint)

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

    def finish(self, manifest: dict[str, Any]) -> None:
        """Turns the partial file into the array (models, n) float16 with its manifest."""
        rows = np.fromfile(self.partial, dtype=np.float16).reshape(self.models, self.n)
        with atomic(self.path) as temporary, open(temporary, "wb") as file:
            np.save(file, rows)
        write_manifest(self.path, manifest)
        self.partial.unlink()
        self._tag.unlink()


def open_shards(paths: Sequence[str | Path]) -> tuple[list[np.ndarray], dict[str, Any]]:
    """The shards of one setting in the order of their models.

    Returns:
        Margins (models, n) float16 of each shard, memory-mapped, and what the manifests share, with ``models`` the (m,) list of
        model indices.

    Raises:
        InputError: a shard is damaged, or the shards do not belong together.
    """
    shards = sorted((read_array(path) for path in paths), key=lambda shard: shard[1]["models"][0])
    common = {key: shards[0][1][key] for key in ("root", "alpha", "settings")}
    for _, manifest in shards:
        if any(manifest[key] != value for key, value in common.items()):
            raise InputError(f"the shards {', '.join(map(str, paths))} come from different settings: make them again.")
    models = [index for _, manifest in shards for index in range(*manifest["models"])]
    return [rows for rows, _ in shards], {**common, "models": models}


def open_with_masks(paths: Sequence[str | Path]) -> tuple["PackedMasks", list[np.ndarray], dict[str, Any]]:
    """The masks of all models (m, n), drawn again from their seeds; otherwise as ``open_shards``."""
    from rethinking_backdoors.datamodels import pack  # only here: the estimators take as long to load as a small shard to train

    shards, common = open_shards(paths)
    models, n = common["models"], shards[0].shape[1]
    parts = (models[start : start + _MODELS_AT_ONCE] for start in range(0, len(models), _MODELS_AT_ONCE))
    return pack(masks(int(common["root"]), common["alpha"], part, n) for part in parts), shards, common
