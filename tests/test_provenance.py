import os

import pytest
import torch

from rethinking_backdoors.provenance import describe, elapsed, hardware


def test_time_is_counted_once_and_pauses_not_at_all(tmp_path):
    # Two jobs side by side (0 to 10 and 5 to 12), a pause, and one more (100 to 103).
    for name, seconds, end in (("a", 10, 10), ("b", 7, 12), ("c", 3, 103)):
        path = tmp_path / "rule" / f"{name}.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"s\th:m:s\n{seconds}\t0:00:00\n")
        os.utime(path, (1e9 + end, 1e9 + end))
    assert elapsed(tmp_path) == pytest.approx(12 + 3)


def test_the_gpu_is_part_of_the_hardware_where_one_is_used(monkeypatch):
    alone = hardware()
    assert alone.endswith(" cores")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", {"cuda:1": "NVIDIA H100"}.__getitem__)
    assert hardware("cpu") == alone
    assert hardware("cuda:1") == f"{alone}, NVIDIA H100"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert hardware("cuda") == f"{alone}, GPU elsewhere"


def test_a_part_of_the_experiments_does_not_claim_the_others(tmp_path):
    experiments = [{"experiment": number, "alphas": alphas} for number, alphas in ((1, [0.5]), (2, [0.5, 0.3]), (3, [0.5]))]
    config = {"dataset": "tiny", "device": "cpu", "models": {"count": 8}, "experiments": experiments, "seeds": [0, 1, 2]}
    assert describe(config, [], tmp_path, {})["settings"] == 4 * 3
    assert describe({**config, "only": [2]}, [], tmp_path, {})["settings"] == 2 * 3
