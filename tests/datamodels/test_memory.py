"""Peak memory beside the inputs is what the docstrings say."""

import tracemalloc

import numpy as np
import pytest

from rethinking_backdoors.datamodels import DifferenceInMeans, Lasso, Ridge, pack
from rethinking_backdoors.datamodels.base import _TARGETS_AT_ONCE

M, N, T, BLOCK = 300, 1200, 1200, 100


@pytest.mark.parametrize(
    ("estimator", "numbers"),
    [
        (DifferenceInMeans, N * T + M * N + BLOCK * (2 * M + N)),
        (lambda: Ridge(5.0), N * T + M * N + M * M + BLOCK * (2 * M + 2 * N)),
        (lambda: Lasso(0.5), N * T + M * N + N * N + BLOCK * (2 * M + 6 * N)),
    ],
    ids=["difference", "ridge", "lasso"],
)
def test_the_peak_is_as_stated(estimator, numbers, monkeypatch):
    assert _TARGETS_AT_ONCE == 4096
    monkeypatch.setattr("rethinking_backdoors.datamodels.base._TARGETS_AT_ONCE", BLOCK)
    rng = np.random.default_rng(0)
    masks = pack([rng.random((M, N)) < 0.5])
    shards = [rng.standard_normal((M // 2, T)).astype(np.float16) for _ in range(2)]
    estimator().fit(pack([np.eye(40, dtype=bool)]), shards[0][:40, :30])  # what compiling takes is not counted
    tracemalloc.start()
    try:
        estimator().fit(masks, shards)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Bits once more, a copy of the masks as bools, and small change.
    assert peak < 4 * numbers + 2 * M * N + 3_000_000
    assert peak > 4 * N * T
