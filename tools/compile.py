"""Compiles once what numba compiles and keeps, so that none of the jobs that run side by side has to: python tools/compile.py

Under the kernels that the workflow uses by default, then under those that the commands for one's own data use.
"""

import os
import sys

from rethinking_backdoors import kernels


def main() -> None:
    import numpy as np  # only here, as in what follows: numba reads its variables when it is loaded

    from rethinking_backdoors.datamodels import weights_of
    from rethinking_backdoors.detection.control import cross_fitted
    from rethinking_backdoors.detection.released import search_released

    rng = np.random.default_rng(0)
    masks, margins = rng.random((64, 24)) < 0.5, rng.standard_normal((64, 24)).astype(np.float16)
    for estimator in ("difference", "ridge"):
        weights = weights_of(estimator)(masks, margins)
    detector = {"sizes": [3], "restarts": 2, "starts": "random", "kept": 1.0, "self_influence": True}
    cross_fitted(masks, margins, weights_of("difference"), {"paper": detector}, 0, 0)
    search_released(weights, [3], 2, seed=0, orientation="train-columns")


if os.fork() == 0:
    os.environ.update(kernels.environment("portable"))
elif os.wait()[1]:
    sys.exit("tools/compile.py: the portable kernels could not be compiled")
main()
