"""Datamodels: per target, which training examples move its margin. Plain arrays in, a weight matrix W out.

Every matrix has the paper's orientation: rows are training examples, columns are targets.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from rethinking_backdoors.datamodels.base import Datamodel, predict
from rethinking_backdoors.datamodels.difference import DifferenceInMeans, difference_in_means
from rethinking_backdoors.datamodels.held_out import fidelity, fit_with_fidelity
from rethinking_backdoors.datamodels.inputs import PackedMasks, pack
from rethinking_backdoors.datamodels.lasso import Lasso
from rethinking_backdoors.datamodels.ridge import Ridge

__all__ = [
    "ESTIMATORS",
    "Datamodel",
    "DifferenceInMeans",
    "Lasso",
    "PackedMasks",
    "Ridge",
    "difference_in_means",
    "fidelity",
    "fit_with_fidelity",
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


def weights_of(estimator: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The function from masks and margins to W that a name of ``ESTIMATORS`` stands for."""
    return lambda masks, margins: ESTIMATORS[estimator]().fit(masks, margins).coef_
