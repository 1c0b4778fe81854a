"""Compiles once what numba compiles and keeps, so that none of the jobs that run side by side has to: python tools/compile.py"""

import numpy as np

from rethinking_backdoors.datamodels import weights_of
from rethinking_backdoors.detection.released import search_released
from rethinking_backdoors.detection.search import search

rng = np.random.default_rng(0)
masks, margins = rng.random((64, 24)) < 0.5, rng.standard_normal((64, 24)).astype(np.float16)
for estimator in ("difference", "ridge"):
    weights = weights_of(estimator)(masks, margins)
search(weights, [3], 2, seed=0)
search_released(weights, [3], 2, seed=0, orientation="train-columns")
