import os

import pytest
import torch

from rethinking_backdoors.reporting.provenance import code, cost, describe, elapsed, hardware


def test_time_is_counted_once_and_pauses_not_at_all(tmp_path):
    # Two jobs side by side (0 to 10 and 5 to 12), a pause, and one more (100 to 103).
    for name, seconds, end in (("a", 10, 10), ("b", 7, 12), ("c", 3, 103)):
        path = tmp_path / "rule" / f"{name}.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"s\th:m:s\n{seconds}\t0:00:00\n")
        os.utime(path, (1e9 + end, 1e9 + end))
    assert elapsed(tmp_path.rglob("*.tsv")) == pytest.approx(12 + 3)


def test_only_the_present_configuration_s_jobs_count_and_each_once(tmp_path):
    """A shard of an earlier, finer cut and an experiment that is gone lie in the folder too; one job was made twice."""
    lines = {"exp5-seed0-00000": [7.0, 3.0], "exp5-seed0-00001": [4.0], "exp9-seed0-00000": [100.0], "exp5-seed3-00000": [2.0]}
    for name, seconds in lines.items():
        path = tmp_path / "train" / f"{name}.tsv"
        path.parent.mkdir(exist_ok=True)
        rows = [f"{s}\t0:00:07\t{100 * s}\t-\t-\t-\t-\t-\t-\t{2 * s}" for s in seconds]
        header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
        path.write_text("\n".join([header, *rows, ""]))
    current = [
        tmp_path / "train" / f"{name}.tsv"
        for name in ("exp5-seed0-00000", "exp5-seed3-00000", "exp7-seed0-00000", "exp5-seed0-00000", "all")
    ]
    table = cost(current).set_index(["experiment", "seed"])
    assert table.loc[("5", "0")].tolist() == ["train", 1, 3.0, 6.0, 300.0]
    assert table.loc[("5", "3")].tolist() == ["train", 1, 2.0, 4.0, 200.0]
    assert len(table) == 2


def test_the_code_is_everything_that_a_run_executes_and_nothing_else(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write("Snakefile", "a")
    write("src/package/module.py", "b")
    seen = [code(tmp_path)]
    for name in ("src/package.egg-info/PKG-INFO", "src/package/__pycache__/module.pyc", "README.md", "results/x.py"):
        write(name, "not code")
        assert code(tmp_path) == seen[0], name
    for name in ("Snakefile", "src/package/module.py", "rules/train.smk", "scripts/train.py", "workflow/report/cost.rst"):
        write(name, "changed")
        seen.append(code(tmp_path))
    assert len(set(seen)) == 6


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
    config = {
        "dataset": "tiny",
        "device": "cpu",
        "kernels": "portable",
        "models": {"count": 8},
        "experiments": experiments,
        "seeds": [0, 1, 2],
    }
    assert describe(config, tmp_path, [], [], {})["settings"] == 4 * 3
    assert describe({**config, "only": [2]}, tmp_path, [], [], {})["settings"] == 2 * 3
