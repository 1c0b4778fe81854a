"""Detection with more and more models, where a block is planted and where none is."""

import numpy as np
import pytest

from rethinking_backdoors.margins.subsets import masks
from rethinking_backdoors.studies.growing import growth
from rethinking_backdoors.studies.setting import Setting

N, P, M = 60, 12, 900
DETECTORS = {"paper": {"sizes": [6, 12], "restarts": 6, "starts": "random", "kept": 1.0, "self_influence": True}}


@pytest.mark.parametrize("storage", ["float32", "float16"])
def test_a_planted_block_parts_from_its_control_and_noise_does_not(storage):
    drawn = masks(4, 0.5, range(M), N)
    values = np.random.default_rng(3).standard_normal((M, N)) * 4
    values[:, :P] += drawn[:, :P].sum(1, keepdims=True)
    setting = Setting(drawn, values.astype(np.float32), np.arange(N) < P, np.arange(N) < 2 * P, 0.2, 3, storage)
    rows = {
        (row["models"], row["detector"], row["judged"]): row["auroc"]
        for row in growth(setting, models=[60, M], detectors=DETECTORS)
    }
    assert rows[M, "paper", "same models"] > 95
    assert rows[M, "paper", "other models"] > 95 > rows[60, "paper", "other models"]
    assert abs(rows[M, "paper", "permuted"] - 50) < 35
    # 24 of 60 have the label, 12 of them are planted: the other 36 lie below, the 12 beside.
    assert rows[M, "label", "same models"] == pytest.approx(100 * (36 + 12 / 2) / 48)
    assert (60, "margin_sd", "same models") in rows
