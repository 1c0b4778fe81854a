"""All random streams, derived by name from one integer, so that nothing depends on the order in which work is done."""

import hashlib

import numpy as np


def _integer(word: str | int) -> int:
    """A spawn-key integer (32 bit) for a name; integers stand for themselves."""
    if isinstance(word, int):
        return word
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")


def root(dataset: str, experiment: int, seed: int) -> int:
    """The one integer (64 bit) from which every stream of one experiment and seed index is derived."""
    name = f"{dataset}/experiment {experiment}/seed {seed}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def generator(root: int, *key: str | int) -> np.random.Generator:
    """The stream called ``key`` of a root: the same for the same arguments, independent of every other key.

    >>> a, b = generator(7, "subset", 3), generator(7, "subset", 3)
    >>> bool(a.random() == b.random())
    True
    """
    return np.random.default_rng(np.random.SeedSequence(root, spawn_key=tuple(_integer(word) for word in key)))
