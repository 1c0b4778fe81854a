"""Tables: a CSV or Parquet file with a column that is the label."""

from pathlib import Path

import numpy as np
import pandas as pd

from rethinking_backdoors.errors import InputError, reading

# More different texts than this in a column are names or free text, which no network learns from.
MOST_CATEGORIES = 50


def load(path: str | Path, label: str | None) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    """Reads a table; numbers are standardised, categories become a column each.

    Args:
        path: .csv (comma), .tsv (tab) or .parquet. label: the column with the labels.

    Returns:
        Features (n, d) float32, labels (n,) int64 (numbered in the order of their sorted names), the names of the d features, and
        those of the labels.

    Raises:
        InputError: the file cannot be read, lacks the column, or holds missing values, free text or nothing but labels.
    """
    table = _read(Path(path))
    if label is None:
        raise InputError(f"{path} is a table: say with --label which column is the label ({_some(table.columns)}).")
    if label not in table.columns:
        raise InputError(f"{path} has no column {label}: it has {_some(table.columns)}.")
    if table.isna().any(axis=None):
        column = table.columns[table.isna().any()][0]
        raise InputError(f"{path} has missing values in the column {column}: fill them or leave the rows out.")
    names, numbers = np.unique(table.pop(label).astype(str), return_inverse=True)
    if len(names) < 2:
        raise InputError(f"{path} has one label only ({_some(names)}): at least two are needed.")
    parts, columns = [], []
    for name in table.columns:
        values, made = _column(table[name], str(name), path)
        parts, columns = [*parts, values], [*columns, *made]
    if not parts:
        raise InputError(f"{path} has no column but the label.")
    return np.concatenate(parts, axis=1).astype(np.float32), numbers.astype(np.int64), columns, [str(name) for name in names]


def _read(path: Path) -> pd.DataFrame:
    with reading(path, "table"):
        if path.suffix != ".parquet":
            return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",")
        try:
            return pd.read_parquet(path)
        except ImportError:
            raise InputError(
                f"{path}: reading Parquet needs the package pyarrow; install it or save the table as .csv."
            ) from None


def _column(values: pd.Series, name: str, path: str | Path) -> tuple[np.ndarray, list[str]]:
    """One column of a table as features (n, d)."""
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        kinds = sorted(map(str, values.unique()))
        if len(kinds) > MOST_CATEGORIES:
            raise InputError(f"{path}: the column {name} has {len(kinds)} different texts: leave names and free text out.")
        return (values.astype(str).to_numpy()[:, None] == np.array(kinds)).astype(np.float64), [f"{name} = {x}" for x in kinds]
    numbers = values.to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise InputError(f"{path} has infinite values in the column {name}: correct them or leave the rows out.")
    return ((numbers - numbers.mean()) / (numbers.std() or 1))[:, None], [name]


def _some(names) -> str:
    """The first few names of many."""
    names = [str(name) for name in names]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
