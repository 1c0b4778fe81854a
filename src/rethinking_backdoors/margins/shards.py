"""Reads the margins of models: shards that are whole, belong together and belong here."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import read_array
from rethinking_backdoors.margins.arrays import PackedMasks, pack
from rethinking_backdoors.margins.subsets import masks

# Masks that are unpacked at a time.
_MODELS_AT_ONCE = 1000
# What the manifests of all shards of one setting share; beside it each names its own `models`, first and end.
_SHARED = ("root", "alpha", "settings", "data")


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
