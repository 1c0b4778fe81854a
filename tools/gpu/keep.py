"""What of a stretch is kept in the repository, and how later stretches add to it."""

import json
import shutil
from pathlib import Path

import numpy as np

from gpu.plan import SHARD
from rethinking_backdoors.attacks.registry import needs_adversary
from rethinking_backdoors.io import atomic, read_json, read_npz, write_array
from rethinking_backdoors.margins.shards import missing, open_shards
from rethinking_backdoors.margins.store import shard_name

TABLES = ("pieces.csv", "margins.csv", "verification.csv", "table1.csv")
# Margins are kept in eighths: their sd over models is 20 times that. All of them together may take so many bytes.
PARTS, BYTES = 8, 5_000_000


def keep(folder: Path, reference: Path) -> None:
    """Copies the tables of ``merge``, the poisoned images that cost an adversary, and the margins as long as they are few."""
    for name in TABLES:
        reference.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, reference / name)
    for attack in folder.glob("exp*/seed*/attack.json"):
        if needs_adversary(read_json(attack)["attack"]):
            place = reference / attack.parent.relative_to(folder)
            place.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(attack, place / attack.name)
            _compressed(place / "poison.npz", **read_npz(attack.parent / "poison.npz"))
    for place in sorted(folder.glob("exp*/seed*/alpha*/margins")):
        rows, common = open_shards(sorted(place.glob("*.npy")))
        manifests = [read_json(path) for path in place.glob("*.json")]
        shared = {key: manifests[0][key] for key in ("alpha", "root", "settings", "data", "device")} | {"rounded": 1 / PARTS}
        shared["seconds"] = sum(manifest["seconds"] for manifest in manifests)
        eighths = np.round(np.concatenate(rows).astype(np.float32) * PARTS).astype(np.int16)
        path = reference / f"margins-{'-'.join(place.relative_to(folder).parts[:-1])}.npz"
        _compressed(path, eighths=eighths, models=np.array(common["models"]), manifest=np.array(json.dumps(shared)))
        if sum(file.stat().st_size for file in reference.glob("margins-*.npz")) > BYTES:
            path.unlink()
            print(
                f"{path.name} is not kept: the margins would take more than {BYTES / 1e6:.0f} MB; margins.csv says what they were"
            )


def restore(reference: Path, folder: Path) -> None:
    """Puts what ``keep`` kept into ``folder``, where it is missing; margins come in unbroken runs of models."""
    for attack in reference.glob("exp*/seed*/attack.json"):
        place = folder / attack.parent.relative_to(reference)
        if not (place / "poison.npz").exists():
            place.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(attack, place / attack.name)
            np.savez(place / "poison.npz", **read_npz(attack.parent / "poison.npz"))
    for path in reference.glob("margins-*.npz"):
        kept = read_npz(path, "eighths", "models", "manifest")
        place = folder.joinpath(*path.stem.split("-")[1:], "margins")
        models, manifest = kept["models"].tolist(), json.loads(str(kept["manifest"]))
        for first, end in missing(place, (models[0], models[-1] + 1), SHARD):
            there = [model in models for model in range(first, end)]
            rows = np.full((end - first, kept["eighths"].shape[1]), np.nan, dtype=np.float16)
            rows[there] = kept["eighths"][[models.index(model) for model in range(first, end) if model in models]] / PARTS
            diverged = [first + row for row, known in enumerate(there) if not known]
            seconds = round(manifest["seconds"] * sum(there) / len(models), 2)
            found = {**manifest, "models": [first, end], "diverged": diverged, "seconds": seconds}
            write_array(place / f"{shard_name((first, end), SHARD)}.npy", rows, found)


def _compressed(path: Path, **arrays: np.ndarray) -> None:
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
