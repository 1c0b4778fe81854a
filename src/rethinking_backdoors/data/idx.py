"""The four files of MNIST and its kin (Fashion-MNIST): images and labels in the IDX format, packed with gzip or not."""

import gzip
import math
from pathlib import Path

import numpy as np

from rethinking_backdoors.errors import InputError, reading

FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def holds(folder: Path) -> bool:
    """Whether the training images of such a data set lie in a folder."""
    return any((folder / f"{FILES['x_train']}{ending}").is_file() for ending in ("", ".gz"))


def load(folder: str | Path) -> dict[str, np.ndarray]:
    """Reads a data set, for instance Debian's package dataset-fashion-mnist in /usr/share/datasets/fashion-mnist.

    Returns:
        ``x_train`` and ``x_test`` (N, H, W, 1) uint8, ``y_train`` and ``y_test`` (N,) int64.

    Raises:
        InputError: a file is missing or damaged, or images and labels do not match.
    """
    arrays = {name: _read(Path(folder), file) for name, file in FILES.items()}
    for part in ("train", "test"):
        images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise InputError(f"{folder}: the {part} images {images.shape} and labels {labels.shape} do not belong together.")
        arrays[f"x_{part}"], arrays[f"y_{part}"] = images[..., None], labels.astype(np.int64)
    return arrays


def _read(folder: Path, name: str) -> np.ndarray:
    packed = folder / f"{name}.gz"
    path = packed if packed.is_file() else folder / name
    with reading(path, "gzip file"):
        content = gzip.decompress(path.read_bytes()) if path == packed else path.read_bytes()
    # 0, 0, the type (8: bytes), the number of dimensions, then each as four bytes, the highest first.
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise InputError(f"{path} is no IDX file of bytes.")
    shape = tuple(int(x) for x in np.frombuffer(content, ">u4", content[3], 4))
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape))
    if len(values) != math.prod(shape):
        raise InputError(f"{path} is truncated: its head promises {shape} bytes, it has {len(values)}.")
    return values.reshape(shape)
