"""At home: what came back becomes files of the workflow, and Table 1 a verdict."""

from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gpu.keep import restore
from gpu.plan import ROOT, SHARD
from gpu.stretch import RECORD, unpack
from rethinking_backdoors.config import load
from rethinking_backdoors.data import images_tested
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.evaluation.metrics import auroc
from rethinking_backdoors.evaluation.tables import COLUMNS
from rethinking_backdoors.io import read_array, read_json, read_npz, write_array, write_text
from rethinking_backdoors.margins.shards import open_shards, open_with_masks
from rethinking_backdoors.margins.store import shard_name
from rethinking_backdoors.reporting.verification import networks, published, verdicts
from rethinking_backdoors.strength import measured

MEASURED = ("clean_accuracy", "poisoned_accuracy", "asr", "target_class_accuracy")


def merge(folders: list[Path], into: Path, config: Path) -> None:
    """Unpacks the folders, what ``run`` or ``keep`` wrote, into ``into``, which keeps what it has, and writes there

    ``pieces.csv``, every piece of every stretch; ``margins.csv``, what margins there are; ``table1.csv`` and
    ``verification.csv``, all published numbers, of which those of undefended networks are answered.

    Raises:
        InputError: a folder is none that ``run`` wrote, or a file in it is damaged.
    """
    for folder in folders:
        if not (folder / RECORD).exists() and not (folder / "pieces.csv").exists():
            raise InputError(f"{folder} holds no {RECORD}: give the folder that `gpu_run.py run --out` wrote.")
    pieces = pd.concat([_pieces(folder, into) for folder in folders]).drop_duplicates("piece", keep="last")
    write_text(into / "pieces.csv", pieces.to_csv(index=False))
    margins = [_joined(place) for place in sorted(into.glob("exp*/seed*/alpha*/margins"))]
    write_text(into / "margins.csv", pd.DataFrame(margins).to_csv(index=False))
    seeds = pd.DataFrame(list(_table1(into)), columns=COLUMNS)
    known = load(config)
    tables = networks.tables(seeds, images_tested(known["images"]))
    verified = verdicts.verify(published.read(ROOT / "config" / "published.yaml"), known, tables)
    answers = tables.get("table1", pd.DataFrame(columns=networks.COLUMNS))
    write_text(into / "table1.csv", answers.drop(columns="note").to_csv(index=False))
    write_text(into / "verification.csv", verified.to_csv(index=False))
    answered = verified[verified["verdict"] != "not run"]
    print(answered[["where", "experiment", "column", "published", "measured", "tolerance", "verdict"]].to_string(index=False))


def _pieces(folder: Path, into: Path) -> pd.DataFrame:
    """Brings the files of one folder; the pieces that were done, with the device."""
    if not (folder / RECORD).exists():
        restore(folder, into)
        return pd.read_csv(folder / "pieces.csv")
    record = unpack(folder, into)
    done = [piece for piece in record["pieces"] if "seconds" in piece]
    kept = ("seconds", "models", *MEASURED)
    lines = [{"piece": piece["name"], "device": record["device"], **{key: piece.get(key) for key in kept}} for piece in done]
    return pd.DataFrame(lines, columns=["piece", "device", *kept])


def _joined(folder: Path) -> dict[str, Any]:
    """Makes whole shards of those that ended early, where their rest has come; what a margins folder holds."""
    paths = sorted(folder.glob("*.npy"))
    shards = sorted((read_array(path)[1]["models"], path) for path in paths)
    for block, group in groupby(shards, lambda shard: shard[0][0] // SHARD):
        parts = list(group)
        models = [index for (first, end), _ in parts for index in range(first, end)]
        if len(parts) > 1 and models == list(range(block * SHARD, (block + 1) * SHARD)):
            _join([path for _, path in parts], folder / f"{shard_name((models[0], models[-1] + 1), SHARD)}.npy")
    masks, whole, common = open_with_masks(sorted(folder.glob("*.npy")))
    poison = read_npz(folder.parents[1] / "poison.npz", "index", "label")
    manifests = [read_json(path.with_suffix(".json")) for path in folder.glob("*.npy")]
    return {
        "margins": str(folder.relative_to(folder.parents[3])),
        "models": len(common["models"]),
        "diverged": sum(len(manifest.get("diverged", [])) for manifest in manifests),
        "seconds": round(sum(manifest["seconds"] for manifest in manifests), 1),
        **_strength(measured(masks, whole, poison["index"]), poison),
        "device": manifests[0]["device"],
        "data": common["data"],
        "settings": common["settings"],
    }


def _strength(slope: np.ndarray, poison: dict[str, np.ndarray]) -> dict[str, float]:
    """How far margins move with one poisoned example more (eq. 15), and how well that tells the poison (Table 2)."""
    poisoned = np.zeros(len(slope), dtype=bool)
    poisoned[poison["index"]] = True
    means = {"poisoned": slope[poisoned].mean(), "clean": slope[~poisoned].mean(), "sd_clean": slope[~poisoned].std()}
    found = {f"slope_{name}": value for name, value in means.items()} | {"auroc": auroc(slope, poisoned)}
    return {"poison": int(poisoned.sum())} | {name: round(float(value), 5) for name, value in found.items()}


def _join(parts: list[Path], path: Path) -> None:
    """One shard of several that follow each other."""
    rows, manifests = zip(*(read_array(part) for part in parts), strict=True)
    summed = {
        "models": [manifests[0]["models"][0], manifests[-1]["models"][1]],
        "diverged": [index for manifest in manifests for index in manifest.get("diverged", [])],
        "seconds": round(sum(manifest["seconds"] for manifest in manifests), 2),
    }
    open_shards(parts)  # refuses shards that do not belong together
    write_array(path, np.concatenate(rows), {**manifests[0], **summed})
    for part in parts:
        part.unlink()
        part.with_suffix(".json").unlink()


def _table1(folder: Path) -> Any:
    """The numbers of the undefended networks, one line each, as ``seeds.csv`` has them."""
    for path in sorted(folder.glob("exp*/seed*/retrain/none.json")):
        experiment, seed = (int(path.parts[place].removeprefix(kind)) for place, kind in ((-4, "exp"), (-3, "seed")))
        measured = read_json(path)
        for column in MEASURED[:2]:
            yield "table1", experiment, "none", column, seed, measured[column]
        yield "table6", experiment, "none", "asr", seed, measured["asr"]
