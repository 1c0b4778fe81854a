"""Data that are no images: tables, mails, programs. A record is a row of levels 0..255, and so a grey image one pixel high.

Everything that works on images, attacks with rectangles included, then works on records: a rectangle sets columns. A kind of
records is a module here with ``load(folder, name, columns)``, which returns levels (N, columns) uint8, labels (N,) int64, the
names of the classes, and ``KNOWN``, checksums of what is published under a name.
"""

import hashlib
from typing import Any

import numpy as np

from rethinking_backdoors import methods
from rethinking_backdoors.data import records
from rethinking_backdoors.errors import InputError


def load(section: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Reads the records that the configuration's section ``images`` names.

    Returns:
        (N, 1, columns, 1) uint8, labels (N,) int64, and what was read, with the keys of ``image_folder.load``.

    Raises:
        InputError: they are not there, are damaged, or have another number of columns.
    """
    module = methods.find(records, section["kind"], "load")
    name = section.get("name", section["kind"])
    levels, labels, classes = module.load(section["folder"], name, section["columns"])
    if levels.shape[1] != section["columns"]:
        raise InputError(f"images.columns is {section['columns']}; {name} has {levels.shape[1]}.")
    sha256 = hashlib.sha256(levels.tobytes() + labels.tobytes()).hexdigest()
    known = module.KNOWN.get(name)
    note = "" if sha256 == known else module.OTHER
    facts = {"source": "records", "origin": module.ORIGIN.format(name=name), "sha256": sha256, "official": not note, "note": note}
    return levels[:, None, :, None], labels, facts | {"classes": classes}
