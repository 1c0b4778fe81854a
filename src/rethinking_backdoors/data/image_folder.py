"""Images of one's own: a folder with one folder of image files a class, as torchvision's ImageFolder (and ImageNet) has it."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from rethinking_backdoors.errors import InputError


def load(folder: str | Path, side: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Reads every image, its shorter side scaled to ``side`` pixels and the middle square cut out.

    Returns:
        Images (N, side, side, 3) uint8, labels (N,) int64 (classes are numbered in the alphabetical order of their folders), and
        what was read: ``source``, ``origin``, ``sha256`` of the arrays' bytes, ``official``, ``note``, and the names ``classes``.

    Raises:
        InputError: the folder does not have this layout, has less than two classes, or a file in it is damaged.
    """
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import CenterCrop, Compose, Resize

    try:
        files = ImageFolder(str(folder), transform=Compose([Resize(side), CenterCrop(side), np.asarray]))
    except OSError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{folder} is no folder with one folder of image files a class: {reason}.") from None
    if len(files.classes) < 2:
        raise InputError(f"{folder} has one class only ({files.classes[0]}): at least two are needed.")
    images = np.empty((len(files), side, side, 3), dtype=np.uint8)
    for number, (path, _) in enumerate(files.samples):
        try:
            images[number] = files[number][0]
        except OSError:
            raise InputError(f"{path} is no image file that can be read: mend it or take it out.") from None
    labels = np.array(files.targets, dtype=np.int64)
    sha256 = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    facts = {"source": "folder", "origin": "image folder", "sha256": sha256, "official": False, "note": ""}
    return images, labels, facts | {"classes": files.classes}


def files(folder: str | Path) -> list[str]:
    """The files of ``load``'s images, in their order, from the folder on."""
    from torchvision.datasets import ImageFolder

    return [str(Path(path).relative_to(folder)) for path, _ in ImageFolder(str(folder)).samples]
