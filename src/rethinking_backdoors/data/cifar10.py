"""CIFAR-10: where it is found, how it is checked, and whether it is the official data."""

import hashlib
import http.client
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import read_npz

LAYOUT, ARCHIVE = "cifar-10-batches-py", "cifar10.npz"
SHAPES = {"x_train": (50_000, 32, 32, 3), "y_train": (50_000,), "x_test": (10_000, 32, 32, 3), "y_test": (10_000,)}
CLASSES, BATCH = 10, 10_000
NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
# SHA-1 of the files of the official binary version, as Apache MXNet (gluon.data.vision.CIFAR10) publishes them.
OFFICIAL = {
    "train": [
        "aadd24acce27caa71bf4b10992e9e7b2d74c2540",
        "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795",
        "1dd00a74ab1d17a6e7d73e185b69dbf31242f295",
        "aab85764eb3584312d3c7f65fd2fd016e36a258e",
        "26e2849e66a845b7f1e4614ae70f4889ae604628",
    ],
    "test": ["67eb016db431130d61cd03c7ad570b013799c88c"],
}

Arrays = dict[str, np.ndarray]


def load(folder: str | Path, download: bool) -> tuple[Arrays, dict[str, Any]]:
    """Reads CIFAR-10 from the folder that the environment variable CIFAR10_ROOT names, else from ``folder``.

    Args:
        download: whether torchvision may fetch the data into ``folder`` if CIFAR10_ROOT is unset and nothing is there.

    Returns:
        ``x_train`` (50000, 32, 32, 3) uint8, ``y_train`` (50000,) int64, ``x_test`` and ``y_test`` (10000 of both); and what was
        read: ``source``, ``origin``, ``sha256`` of the arrays' bytes in this order, ``official``, and a ``note`` on what is not.

    Raises:
        InputError: there is nothing and it cannot be downloaded, or what is there is damaged or not CIFAR-10.
    """
    return load_from(find(folder, download))


def load_from(root: Path) -> tuple[Arrays, dict[str, Any]]:
    """Reads CIFAR-10 from a folder that has it; otherwise as ``load``."""
    origin = LAYOUT if (root / LAYOUT).is_dir() else ARCHIVE
    arrays = _read_torchvision(root) if origin == LAYOUT else read_npz(root / ARCHIVE)
    _check(arrays, root / origin)
    # torchvision has compared the MD5 of every file.
    note = "" if origin == LAYOUT else what_differs(arrays)
    arrays = {name: arrays[name] for name in SHAPES}
    return arrays, {"source": "cifar10", "origin": origin, "sha256": checksum(arrays), "official": not note, "note": note}


def find(folder: str | Path, download: bool) -> Path:
    """The folder that holds the data, after a download if need be; arguments and errors as for ``load``."""
    named = os.environ.get("CIFAR10_ROOT")
    root = Path(named or folder)
    if (root / LAYOUT).is_dir() or (root / ARCHIVE).is_file():
        return root
    if named:
        raise InputError(f"CIFAR10_ROOT is {root}, where neither {LAYOUT} nor {ARCHIVE} is: correct it or unset it.")
    advice = f"put {LAYOUT} (torchvision's layout) or {ARCHIVE} there, or name the folder that has it in CIFAR10_ROOT"
    if not download:
        raise InputError(f"CIFAR-10 is not in {root}: {advice}, or set images.download to true.")
    try:
        _download(root)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"CIFAR-10 is not in {root} and could not be downloaded ({reason}): {advice}.") from None
    return root


def _download(root: Path) -> None:
    """Fetches torchvision's layout into ``root``, where it appears whole or not at all."""
    from torchvision.datasets import CIFAR10

    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        CIFAR10(scratch, download=True)
        Path(scratch, LAYOUT).rename(root / LAYOUT)


def _read_torchvision(root: Path) -> Arrays:
    """The arrays of torchvision's layout; its pickles are read only after the MD5 of every file has been found right."""
    from torchvision.datasets import CIFAR10

    try:
        parts = {name: CIFAR10(root, train=name == "train", download=False) for name in ("train", "test")}
    except RuntimeError:
        place = root / LAYOUT
        raise InputError(
            f"{place} does not have the MD5s of the official files, so it is not read: put those or {ARCHIVE} in its place."
        ) from None
    arrays = {}
    for name, part in parts.items():
        arrays[f"x_{name}"] = np.ascontiguousarray(part.data)
        arrays[f"y_{name}"] = np.array(part.targets, dtype=np.int64)
    return arrays


def _check(arrays: Arrays, path: Path) -> None:
    """Raises InputError unless the arrays have CIFAR-10's names, shapes, types and labels."""
    for name, shape in SHAPES.items():
        if name not in arrays:
            raise InputError(f"{path} lacks the array {name}: it is not CIFAR-10 as this project reads it.")
        array, kind = arrays[name], "uint8" if name.startswith("x") else "int64"
        if array.shape != shape or array.dtype != kind:
            raise InputError(f"{path} is not CIFAR-10: {name} is {array.dtype} {array.shape}, it should be {kind} {shape}.")
        if kind == "int64" and not 0 <= array.min() <= array.max() < CLASSES:
            raise InputError(f"{path} is not CIFAR-10: {name} has labels outside 0 to {CLASSES - 1}.")


def checksum(arrays: Arrays) -> str:
    """SHA-256 of the bytes of ``x_train``, ``y_train``, ``x_test``, ``y_test``, in this order, whatever file they came from."""
    total = hashlib.sha256()
    for name in SHAPES:
        total.update(np.ascontiguousarray(arrays[name]).data)
    return total.hexdigest()


def what_differs(arrays: Arrays) -> str:
    """What is not the official data, in words; empty if everything is.

    Args:
        arrays: as ``load`` returns them, and perhaps ``test_inexact``, the test images that the file declares to be inexact.
    """
    differing, inexact = [], len(arrays.get("test_inexact", ()))
    if _batch_sums(arrays["x_train"], arrays["y_train"]) != OFFICIAL["train"]:
        differing.append("the training images or labels are not the official ones")
    if _batch_sums(arrays["x_test"], arrays["y_test"]) != OFFICIAL["test"]:
        unnamed = "the test images or labels are not all the official ones"
        differing.append(f"the file declares {inexact} test images to be inexact" if inexact else unnamed)
    return "; ".join(differing)


def _batch_sums(images: np.ndarray, labels: np.ndarray) -> list[str]:
    """SHA-1 of each 10,000 examples in the binary version's form: a label byte, then the red, green and blue plane."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    records = np.concatenate([labels.astype(np.uint8)[:, None], planes], axis=1)
    return [hashlib.sha1(records[start : start + BATCH].data).hexdigest() for start in range(0, len(records), BATCH)]
