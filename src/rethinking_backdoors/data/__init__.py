"""Data sets: where the images come from and how they are split."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rethinking_backdoors.data import cifar10, fashion_mnist, image_folder, records
from rethinking_backdoors.errors import InputError

_DIGITS = 1797
# Draws one seed's arrays from the seed's stream.
Draw = Callable[[np.random.Generator], dict[str, np.ndarray]]


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


def stratified(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws ``count`` examples so that every class has its share of them, give or take one.

    Args:
        labels: (N,) int64.

    Returns:
        (count,) int64, sorted positions; all of them if ``count`` is N.

    Raises:
        InputError: more examples are asked for than there are.
    """
    if count > len(labels):
        raise InputError(f"The section images asks for {count} examples where only {len(labels)} are left.")
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    # Evenly spaced places in a row that is sorted by class fall on each class as often as its share says.
    places = (np.arange(count) * len(labels) + rng.integers(len(labels))) // count
    return np.sort(by_class[places])


def split(arrays: cifar10.Arrays, rng: np.random.Generator, *, train: int, test: int, spare: int) -> dict[str, np.ndarray]:
    """One seed's part of a data set with a fixed test set: stratified draws, in the data set's own order.

    Args:
        arrays: as ``cifar10.load`` returns them.
        train, test: how many examples of the training and of the test images.
        spare: how many of the other training images.

    Returns:
        ``train_image`` (train, H, W, C) uint8, ``train_label`` (train,) int64, ``test_image``, ``test_label``, and if ``spare``
        is not 0 ``spare_image`` (spare, H, W, C), none of them a training example.
    """
    chosen, tested = stratified(arrays["y_train"], train, rng), stratified(arrays["y_test"], test, rng)
    made = {"train_image": arrays["x_train"][chosen], "train_label": arrays["y_train"][chosen]}
    made |= {"test_image": arrays["x_test"][tested], "test_label": arrays["y_test"][tested]}
    if spare:
        others = np.setdiff1d(np.arange(len(arrays["y_train"])), chosen)
        made["spare_image"] = arrays["x_train"][others[stratified(arrays["y_train"][others], spare, rng)]]
    return made


def divide(
    images: np.ndarray, labels: np.ndarray, rng: np.random.Generator, *, train: int, test: int, spare: int
) -> dict[str, np.ndarray]:
    """One seed's part of images (N, H, W, C) uint8 with labels (N,) without a test set of their own; otherwise as ``split``."""
    tested = stratified(labels, test, rng)
    others = np.setdiff1d(np.arange(len(labels)), tested)
    arrays = {"x_train": images[others], "y_train": labels[others], "x_test": images[tested], "y_test": labels[tested]}
    return split(arrays, rng, train=train, test=test, spare=spare)


def image_shape(images: dict[str, Any]) -> tuple[int, int, int]:
    """(H, W, C) of the images that the configuration's section ``images`` names, which are not read for it."""
    if images["source"] == "records":
        return 1, images["columns"], 1
    side = {"digits": 8, "cifar10": 32, "fashion_mnist": 28}.get(images["source"]) or images["side"]
    return side, side, 1 if images["source"] in ("digits", "fashion_mnist") else 3


def open_source(images: dict[str, Any]) -> tuple[Draw, dict[str, Any]]:
    """Opens the data set that the configuration's section ``images`` names.

    Returns:
        The function that draws the arrays of one seed (see ``digits``, ``split``, ``divide``), and what was read: ``source``,
        ``origin``, ``sha256``, ``official``, ``note`` (what is not official, in words; empty otherwise).
    """
    counts = {key: images[key] for key in ("train", "test", "spare") if key in images}
    if images["source"] in (fixed := {"cifar10": cifar10, "fashion_mnist": fashion_mnist}):
        arrays, facts = fixed[images["source"]].load(images["folder"], images["download"])
        return partial(split, arrays, **counts), facts
    if images["source"] == "folder":
        *arrays, facts = image_folder.load(images["folder"], images["side"])
        return partial(divide, *arrays, **counts), facts
    if images["source"] == "records":
        *arrays, facts = records.load(images)
        return partial(divide, *arrays, **counts), facts
    return partial(digits, images["train"]), _digits_facts()


def images_tested(images: dict[str, Any]) -> int:
    """How many test images the configuration's section ``images`` leaves; of digits all that are not trained on."""
    return images["test"] if "test" in images else _DIGITS - images["train"]


def class_names(facts: dict[str, Any]) -> list[str]:
    """What the classes are called, given what ``open_source`` says of the data set."""
    known = {"digits": [str(digit) for digit in range(10)], "cifar10": cifar10.NAMES, "fashion_mnist": fashion_mnist.NAMES}
    return facts.get("classes") or known[facts["source"]]


def _digits_facts() -> dict[str, Any]:
    """What scikit-learn ships as digits; the checksum is of its images and labels."""
    import sklearn
    from sklearn.datasets import load_digits

    data = load_digits()
    sha256 = hashlib.sha256(data.images.tobytes() + data.target.astype(np.int64).tobytes()).hexdigest()
    return {"source": "digits", "origin": f"scikit-learn {sklearn.__version__}", "sha256": sha256, "official": True, "note": ""}
