"""A data set of the user's own, whatever form it has: images or features with a label each."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rethinking_backdoors.data import cifar10, idx, image_folder, tables
from rethinking_backdoors.errors import InputError, reading

TABLES = (".csv", ".tsv", ".parquet")
# What arrays of images or features, and of labels, are called in .npz files.
VALUES, LABELS = (
    ("images", "features", "x", "X", "x_train", "train_image", "data"),
    ("labels", "y", "y_train", "train_label", "label"),
)


@dataclass(frozen=True)
class Labelled:
    """Examples with labels.

    Attributes:
        values: images (n, H, W, C) uint8, or features (n, d) float32.
        labels: (n,) int64; whole numbers of other types become that.
        classes: names by label. files: of each example, where there are any. columns: names of the features. note: on files that
            were left out.
    """

    values: np.ndarray
    labels: np.ndarray
    classes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    note: str = ""

    def __post_init__(self) -> None:
        _check(self)
        object.__setattr__(self, "labels", self.labels.astype(np.int64))

    def class_name(self, label: int) -> str:
        """What a label is called."""
        return self.classes[label] if 0 <= label < len(self.classes) else str(label)


def read(path: str | Path, *, label: str | None = None, labels: str | Path | None = None, side: int = 32) -> Labelled:
    """Reads a data set.

    Args:
        path: a folder with a folder of images a class, of CIFAR-10 as torchvision has it, or of IDX files (MNIST, Fashion-MNIST);
            an .npz file with images (n, H, W[, C]) or features (n, d) and labels; an .npy file of them; a .csv, .tsv or .parquet
            table.
        label: a table's column that is the label. labels: an .npy file of labels, for an .npy file.
        side: to how many pixels the shorter side of a folder's images is scaled.

    Raises:
        InputError: it is none of these, or damaged, or labels do not fit.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist.")
    if label is not None and path.suffix not in TABLES:
        raise InputError(f"--label names a column of a table; {path} is none.")
    if labels is not None and path.suffix != ".npy":
        raise InputError(f"--labels is for an .npy file; {path} is none.")
    if path.is_dir():
        return _folder(path, side)
    if path.suffix in TABLES:
        values, numbers, columns, classes = tables.load(path, label)
        return Labelled(values, numbers, classes=classes, columns=columns)
    if path.suffix == ".npz":
        return _archive(path)
    if path.suffix == ".npy":
        if labels is None:
            raise InputError(f"{path} holds no labels: give an .npy file of them with --labels.")
        return Labelled(images_or_features(_array(path), path), _array(Path(labels)))
    raise InputError(f"{path} is no folder and neither .npz, .npy, .csv, .tsv nor .parquet.")


def _folder(path: Path, side: int) -> Labelled:
    if idx.holds(path):
        arrays = idx.load(path)
        return Labelled(arrays["x_train"], arrays["y_train"])
    if (path / cifar10.LAYOUT).is_dir() or path.name == cifar10.LAYOUT or (path / cifar10.ARCHIVE).is_file():
        root = path.parent if path.name == cifar10.LAYOUT else path
        arrays, _ = cifar10.load_from(root)
        return Labelled(arrays["x_train"], arrays["y_train"], classes=cifar10.NAMES)
    images, labels, facts = image_folder.load(path, side)
    return Labelled(images, labels, classes=facts["classes"], files=image_folder.files(path), note=facts["note"])


def _archive(path: Path) -> Labelled:
    with reading(path, ".npz file of numbers"), open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
        chosen = [next((name for name in wanted if name in archive.files), None) for wanted in (VALUES, LABELS)]
        held, arrays = archive.files, [archive[name] for name in chosen if name]
    if len(arrays) < 2:
        raise InputError(f"{path} holds {', '.join(held) or 'nothing'}: images or features, and labels are needed.")
    return Labelled(images_or_features(arrays[0], path), arrays[1])


def _array(path: Path) -> np.ndarray:
    with reading(path, ".npy file of numbers"):
        array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path} is an archive of arrays: call it .npz.")
    return array


def images_or_features(values: np.ndarray, what: str | Path = "the data") -> np.ndarray:
    """Images (n, H, W[, C]) of bytes, or of numbers in [0, 1], as (n, H, W, C) uint8; features (n, d) as float32.

    Raises:
        InputError: the array is neither.
    """
    if values.dtype.kind not in "buif":
        raise InputError(f"{what} holds {values.dtype}: numbers are needed.")
    if values.ndim == 2:
        return values.astype(np.float32)
    if values.ndim == 3:
        values = values[..., None]
    if values.ndim != 4 or values.shape[3] not in (1, 3):
        raise InputError(
            f"{what} has the shape {values.shape}: images (n, H, W), (n, H, W, 1 or 3) or features (n, d) are needed."
        )
    if values.dtype == np.uint8:
        return values
    low, high = float(values.min()), float(values.max())
    if not 0 <= low <= high <= 255:
        raise InputError(f"{what}: pixels run from {low:g} to {high:g}; bytes 0 to 255 or numbers 0 to 1 are needed.")
    scale = 255 if values.dtype.kind == "f" and high <= 1 else 1
    return np.rint(values * scale).astype(np.uint8)


def _check(data: Labelled) -> None:
    labels, n = data.labels, len(data.values)
    if labels.ndim != 1 or len(labels) != n:
        raise InputError(f"there are {n} examples and labels of shape {labels.shape}: one label an example is needed.")
    if labels.dtype.kind not in "iu" or (n and labels.min() < 0):
        raise InputError("labels must be whole numbers from 0 on.")
    if n < 100 or len(np.unique(labels)) < 2:
        raise InputError(f"{n} examples of {len(np.unique(labels))} label(s) are too few: at least 100 and 2 are needed.")
    if labels.max() >= n:
        raise InputError(f"the largest label is {labels.max()}: labels must be numbered from 0 on.")
    if data.values.dtype.kind == "f" and not np.isfinite(data.values).all():
        raise InputError("the features hold values that are not finite.")
