"""The poisoned training set as an FFCV .beton file. The one module that knows ffcv (which takes seconds to import)."""

from pathlib import Path

import numpy as np

from rethinking_backdoors.io import InputError, atomic

# The smallest page that ffcv allows, so that a set of small images does not take 17 MB.
_PAGE_SIZE = 1 << 21


def write(path: str | Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Writes a training set; equal sets give equal bytes (one worker: with more, ffcv's page order varies).

    Args:
        images: (n, H, W, C) uint8, kept exactly (an array field, no JPEG). labels: (n,) int64.
    """
    from ffcv.fields import IntField, NDArrayField
    from ffcv.writer import DatasetWriter

    fields = {"image": NDArrayField(dtype=images.dtype, shape=images.shape[1:]), "label": IntField()}
    pairs = [(image, int(label)) for image, label in zip(images, labels, strict=True)]
    with atomic(path) as temporary:
        writer = DatasetWriter(str(temporary), fields, page_size=_PAGE_SIZE, num_workers=1)
        writer.from_indexed_dataset(pairs)


def read(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads a whole training set back in its own order: images (n, H, W, C) uint8 and labels (n,) int64.

    Raises:
        InputError: the file is missing, truncated or not a .beton file.
    """
    from ffcv.fields.basics import IntDecoder
    from ffcv.fields.ndarray import NDArrayDecoder
    from ffcv.loader import Loader, OrderOption

    try:
        loader = Loader(
            str(path),
            batch_size=1024,
            num_workers=1,
            order=OrderOption.SEQUENTIAL,
            drop_last=False,
            pipelines={"image": [NDArrayDecoder()], "label": [IntDecoder()]},
        )
        # ffcv reuses its batch buffers: each batch is copied before the next one is asked for.
        batches = [(np.array(image), np.array(label)) for image, label in loader]
    except (AssertionError, OSError, ValueError, IndexError) as error:
        raise InputError(f"{path} is truncated or no .beton file ({error}): delete it and run the workflow again.") from None
    images = np.concatenate([image for image, _ in batches])
    labels = np.concatenate([label for _, label in batches]).reshape(-1).astype(np.int64)
    return images, labels
