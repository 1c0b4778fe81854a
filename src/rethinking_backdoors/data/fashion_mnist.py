"""Fashion-MNIST: 60,000 and 10,000 grey images of 28 x 28 pixels in ten classes (Xiao et al. 2017), and where it is found."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from rethinking_backdoors.data import cifar10, idx
from rethinking_backdoors.errors import InputError

NAMES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
# Where Debian's package dataset-fashion-mnist puts it, and where torchvision does in its own folder.
DEBIAN, TORCHVISION = Path("/usr/share/datasets/fashion-mnist"), "FashionMNIST/raw"
# ``cifar10.checksum`` of the four arrays of ``idx.load`` as Debian ships them.
KNOWN = "ece172613115fb18b120bec8f6c02271af90b8b8f0a5af5c51cbd5ceed68e619"


def load(folder: str | Path, download: bool) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Reads Fashion-MNIST from the folder that FASHION_MNIST_ROOT names, else from ``folder``, else from Debian's package.

    Args:
        download: whether torchvision may fetch the data into ``folder`` if it is nowhere.

    Returns:
        ``x_train`` (60000, 28, 28, 1) uint8, ``y_train`` (60000,) int64, ``x_test`` and ``y_test`` (10000 of both); and what was
        read, with the keys of ``cifar10.load``.

    Raises:
        InputError: there is nothing and it cannot be downloaded, or what is there is damaged.
    """
    arrays = idx.load(find(Path(folder), download))
    sha256 = cifar10.checksum(arrays)
    note = "" if sha256 == KNOWN else "These are not the images and labels of Debian's package dataset-fashion-mnist."
    return arrays, {"source": "fashion_mnist", "origin": "IDX files", "sha256": sha256, "official": not note, "note": note}


def find(folder: Path, download: bool) -> Path:
    """The folder that holds the four files, after a download if need be; errors as of ``load``."""
    if named := os.environ.get("FASHION_MNIST_ROOT"):
        if not idx.holds(Path(named)):
            raise InputError(f"FASHION_MNIST_ROOT is {named}, where the four files are not: correct it or unset it.")
        return Path(named)
    for place in (folder, folder / TORCHVISION, DEBIAN):
        if idx.holds(place):
            return place
    advice = "install Debian's dataset-fashion-mnist, or name the folder that has the four files in FASHION_MNIST_ROOT"
    if not download:
        raise InputError(f"Fashion-MNIST is not in {folder}: {advice}, or set images.download to true.")
    try:
        from torchvision.datasets import FashionMNIST

        FashionMNIST(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"Fashion-MNIST is not in {folder} and could not be downloaded ({reason}): {advice}.") from None
    return folder / TORCHVISION
