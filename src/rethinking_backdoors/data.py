"""Data sets: where the images come from and how they are split."""

import numpy as np

from rethinking_backdoors.io import InputError


def digits(train: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """scikit-learn's digits (1,797 real 8 x 8 images, shipped in the package), split anew for every stream, stratified.

    Args:
        train: number of training examples.
        rng: decides the split.

    Returns:
        ``train_image`` (n, 8, 8, 1) and ``test_image`` uint8 0..255 (the originals have 17 grey levels), ``train_label`` and
        ``test_label`` int64.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    if not 10 <= train <= len(data.target) - 10:
        raise InputError(f"images.train is {train}; digits has {len(data.target)} images, so at most 1787 can be trained on.")
    images = np.round(data.images * (255 / 16)).astype(np.uint8)[..., None]
    state = int(rng.integers(2**31))
    parts = train_test_split(images, data.target.astype(np.int64), train_size=train, stratify=data.target, random_state=state)
    return dict(zip(("train_image", "test_image", "train_label", "test_label"), parts, strict=True))


SOURCES = {"digits": digits}
