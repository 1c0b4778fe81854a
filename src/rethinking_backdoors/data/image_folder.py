"""Images of one's own: a folder with one folder of image files a class, as torchvision's ImageFolder (and ImageNet) has it."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from rethinking_backdoors.errors import InputError, reading

# A larger image takes a gigabyte of memory, whatever its file holds.
MOST_PIXELS = 80_000_000


def load(folder: str | Path, side: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Reads every image, its shorter side scaled to ``side`` pixels and the middle square cut out.

    Returns:
        Images (N, side, side, 3) uint8, labels (N,) int64 (classes are numbered in the alphabetical order of their folders), and
        what was read: ``source``, ``origin``, ``sha256`` of the arrays' bytes, ``official``, ``note``, and the names ``classes``.

    Raises:
        InputError: the folder does not have this layout, has less than two classes, or a file in it is damaged or holds floats.
    """
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import CenterCrop, Compose, Resize

    try:
        files = ImageFolder(str(folder), transform=Compose([Resize(side), CenterCrop(side), np.asarray]), loader=opened)
    except OSError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{folder} is no folder with one folder of image files a class: {reason}.") from None
    if len(files.classes) < 2:
        raise InputError(f"{folder} has one class only ({files.classes[0]}): at least two are needed.")
    images = np.empty((len(files), side, side, 3), dtype=np.uint8)
    for number, (path, _) in enumerate(files.samples):
        with reading(path, "image file that can be read", ": mend it or take it out."):
            images[number] = files[number][0]
    labels = np.array(files.targets, dtype=np.int64)
    sha256 = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    facts = {"source": "folder", "origin": "image folder", "sha256": sha256, "official": False, "note": _left_out(Path(folder))}
    return images, labels, facts | {"classes": files.classes}


def opened(path: str) -> Image.Image:
    """An image in three colours of 8 bits, turned as its EXIF says; 16 bits are scaled, not cut off.

    Raises:
        InputError: its pixels are floats, whose range nobody knows.
    """
    with Image.open(path) as file:
        if file.width * file.height > MOST_PIXELS:
            raise InputError(f"{path} says that it has {file.width} x {file.height} pixels: scale it down.")
        image = ImageOps.exif_transpose(file)
        if image.mode == "F":
            raise InputError(f"{path} holds floating-point pixels, whose range is not known: save it with 8 or 16 bits.")
        if image.mode == "I" or image.mode.startswith("I;16"):
            image = Image.fromarray(np.rint(np.asarray(image, dtype=np.float64) / 257).clip(0, 255).astype(np.uint8))
        return image.convert("RGB")


def _left_out(folder: Path) -> str:
    """How many files of the classes' folders are of kinds that are not read."""
    from torchvision.datasets.folder import IMG_EXTENSIONS

    others = [path for path in folder.glob("*/**/*") if path.is_file() and path.suffix.lower() not in IMG_EXTENSIONS]
    kinds = ", ".join(sorted({path.suffix or path.name for path in others})[:5])
    return f"{len(others)} files of other kinds were left out ({kinds})." if others else ""


def files(folder: str | Path) -> list[str]:
    """The files of ``load``'s images, in their order, from the folder on."""
    from torchvision.datasets import ImageFolder

    return [str(Path(path).relative_to(folder)) for path, _ in ImageFolder(str(folder)).samples]
