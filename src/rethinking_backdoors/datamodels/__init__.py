"""Datamodels: per target, which training examples move its margin. Plain arrays in, a weight matrix W out.

Every matrix has the paper's orientation: rows are training examples, columns are targets.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from rethinking_backdoors.datamodels.base import Datamodel, predict
from rethinking_backdoors.datamodels.difference import DifferenceInMeans, difference_in_means
from rethinking_backdoors.datamodels.held_out import fidelity, fit_with_fidelity
from rethinking_backdoors.datamodels.lasso import Lasso
from rethinking_backdoors.datamodels.ridge import Ridge
from rethinking_backdoors.margins.arrays import Margins, Masks, PackedMasks, mask_rows, pack

__all__ = [
    "ESTIMATORS",
    "Datamodel",
    "DifferenceInMeans",
    "Lasso",
    "Margins",
    "Masks",
    "PackedMasks",
    "Ridge",
    "difference_in_means",
    "estimator_of",
    "fidelity",
    "fit_with_fidelity",
    "halves_of",
    "pack",
    "predict",
    "weights_of",
]

# What a configuration's `estimator` may name; each makes an unfitted estimator. (TRAK works on networks: see `attribution`.)
ESTIMATORS: dict[str, Callable[..., Datamodel]] = {
    "difference": DifferenceInMeans,
    "difference_centred": partial(DifferenceInMeans, "group"),
    "difference_centred_models": partial(DifferenceInMeans, "model"),
    "ridge": Ridge,
    "lasso": Lasso,
}


# Those that have more to share among threads than products of matrices, which BLAS shares.
_THREADED = ("ridge", "lasso")


def estimator_of(name: str, device: str = "cpu", threads: int = 1, storage: str = "float32") -> Callable[[], Datamodel]:
    """What makes an unfitted estimator: by a name of ``ESTIMATORS``, on a torch device, or with numpy where it is "cpu".

    Args:
        storage: of W; differences in means can be stored in "float16" too.
    """
    shared: dict[str, Any] = {"threads": threads} if name in _THREADED else {}
    if storage != "float32":
        shared["storage"] = storage
    return partial(ESTIMATORS[name], device=None if device == "cpu" else device, **shared)


def halves_of(
    estimator: Callable[[Masks, Margins], np.ndarray], masks: Masks, margins: np.ndarray | Sequence[np.ndarray] | Margins
) -> Iterator[np.ndarray]:
    """W (n, n) of the models with even, then of those with odd indices, which share no noise; made when it is asked for."""
    even = np.arange(masks.shape[0]) % 2 == 0
    return (estimator(mask_rows(masks, part), Margins(margins, part)) for part in (even, ~even))


def weights_of(
    estimator: str, device: str = "cpu", storage: str = "float32"
) -> Callable[[Masks, np.ndarray | Sequence[np.ndarray] | Margins], np.ndarray]:
    """The function from masks and margins to W that a name of ``ESTIMATORS`` stands for; the rest as of ``estimator_of``."""
    return lambda masks, margins: estimator_of(estimator, device, storage=storage)().fit(masks, margins).coef_
