"""The poisoned training set as an FFCV .beton file. The one module that knows ffcv (which takes seconds to import)."""

import errno
import functools
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rethinking_backdoors.errors import InputError, reading, refusal
from rethinking_backdoors.io import atomic

# The smallest page that ffcv allows, so that a set of small images does not take 17 MB.
_PAGE_SIZE = 1 << 21
_SHA256 = 32  # bytes at the end
DAMAGED = ": delete it and run the workflow again."


def write(path: str | Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Writes a training set; equal sets give equal bytes (one worker: with more, ffcv's page order varies).

    Args:
        images: (n, H, W, C) uint8, kept exactly (an array field, no JPEG). labels: (n,) int64.
    """
    _import_ffcv()
    from ffcv.fields import IntField, NDArrayField
    from ffcv.writer import DatasetWriter

    fields = {"image": NDArrayField(dtype=images.dtype, shape=images.shape[1:]), "label": IntField()}
    pairs = [(image, int(label)) for image, label in zip(images, labels, strict=True)]
    with atomic(path) as temporary:
        # Where its writing process fails ffcv waits for it for ever.
        if shutil.disk_usage(temporary.parent).free < 1.1 * images.nbytes + 2 * _PAGE_SIZE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        writer = DatasetWriter(str(temporary), fields, page_size=_PAGE_SIZE, num_workers=1)
        writer.from_indexed_dataset(pairs)
        # ffcv reads what its tables point at, and ends the process where they point at nothing: the file's end is a checksum.
        with open(temporary, "ab") as file:
            file.write(_checksum(temporary))


def read(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads a whole training set back in its own order: images (n, H, W, C) uint8 and labels (n,) int64.

    Raises:
        InputError: the file is missing, truncated or not a .beton file.
    """
    batches = list(stream(path, None, 1024))
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return images, labels


def stream(
    path: str | Path, orders: np.ndarray | None, batch_size: int, workers: int = 1
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields batches of a training set that need not fit into memory.

    Args:
        orders: (epochs, s) int64, the examples of each epoch in the order to read them, the incomplete last batch dropped; None:
            every example once in the file's order, none dropped.
        workers: threads that read; their number changes no batch.

    Yields:
        Images (batch, H, W, C) uint8 and labels (batch,) int64, copies of their own.

    Raises:
        InputError: the file is missing, truncated or not a .beton file.
    """
    path, count = Path(path), None if orders is None else orders.shape[1]
    with reading(path, ".beton file", DAMAGED):
        changed = path.stat().st_mtime_ns
        _check(str(path), changed)
    try:
        loader = _loader(str(path), changed, batch_size, workers, count)
        for order in [None] if orders is None else orders:
            if order is not None:
                loader.traversal_order.indices = order
            for image, label in loader:
                # ffcv reuses its batch buffers.
                yield np.array(image), np.array(label).reshape(-1).astype(np.int64)
    except (AssertionError, OSError, ValueError, IndexError) as error:
        raise InputError(refusal(error, path) or f"{path} is truncated or no .beton file{DAMAGED}") from None


@functools.lru_cache(maxsize=4)
def _check(path: str, changed: int) -> None:
    """Whether the file is as it was written; once for each time of change."""
    size = Path(path).stat().st_size - _SHA256
    with open(path, "rb") as file:
        file.seek(max(0, size))
        if size < 0 or file.read() != _checksum(path, size):
            raise InputError(f"{path} is truncated or no .beton file of this project{DAMAGED}")


def _checksum(path: str | Path, size: int | None = None) -> bytes:
    """SHA-256 of the first ``size`` bytes, of all if not given."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        left = size if size is not None else Path(path).stat().st_size
        while left > 0 and (block := file.read(min(left, 1 << 22))):
            found.update(block)
            left -= len(block)
    return found.digest()


@functools.cache
def _import_ffcv() -> None:
    """Imports ffcv without compiling: its random crops of JPEG images take six seconds to compile, and nothing here uses them."""
    from numba import config as numba_config

    settings: Any = numba_config

    before, settings.DISABLE_JIT = settings.DISABLE_JIT, 1
    try:
        import ffcv  # noqa: F401
    finally:
        settings.DISABLE_JIT = before


@functools.lru_cache(maxsize=4)
def _loader(path: str, changed: int, batch_size: int, workers: int, count: int | None) -> Any:
    """A loader for ``count`` examples in the order of its indices, which ``stream`` exchanges epoch by epoch.

    It is kept, because every loader compiles its pipeline anew; ``changed``, the file's time, only tells old files from new.
    """
    _import_ffcv()
    from ffcv.fields.basics import IntDecoder
    from ffcv.fields.ndarray import NDArrayDecoder
    from ffcv.loader import Loader, OrderOption

    return Loader(
        path,
        batch_size=batch_size,
        num_workers=workers,
        order=OrderOption.SEQUENTIAL,
        indices=None if count is None else np.arange(count),
        drop_last=count is not None,
        pipelines={"image": [NDArrayDecoder()], "label": [IntDecoder()]},
    )
