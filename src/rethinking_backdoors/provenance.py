"""What a run cost, and what was run where."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd

from rethinking_backdoors.config import experiments
from rethinking_backdoors.io import digest, read_json, sha256


def cost(benchmarks: str | Path) -> pd.DataFrame:
    """Cost by rule and experiment from Snakemake's benchmark files.

    Args:
        benchmarks: the folder with one folder a rule and one file a job, named by the job's wildcards, the experiment first.

    Returns:
        rule, experiment ("all" where a job serves every one), seed ("all": a job makes the files of all seeds), jobs, wall_s,
        cpu_s (sums), max_rss_mb (the largest job).
    """
    lines = []
    for path in sorted(Path(benchmarks).glob("*/*.tsv")):
        experiment = path.stem.split("-")[0]
        job = pd.read_csv(path, sep="\t", na_values="-").iloc[0]
        lines.append((path.parent.name, experiment, job["s"], job["cpu_time"], job["max_rss"]))
    jobs = pd.DataFrame(lines, columns=["rule", "experiment", "wall_s", "cpu_s", "max_rss_mb"])
    table = jobs.groupby(["rule", "experiment"], as_index=False).agg(
        jobs=("wall_s", "size"), wall_s=("wall_s", "sum"), cpu_s=("cpu_s", "sum"), max_rss_mb=("max_rss_mb", "max")
    )
    table.insert(2, "seed", "all")
    return table.round(1)


def elapsed(benchmarks: str | Path) -> float:
    """Seconds in which at least one job ran, from the benchmark files and their times; pauses between two runs do not count."""
    ends = {path: path.stat().st_mtime for path in Path(benchmarks).rglob("*.tsv")}
    spans = sorted((end - pd.read_csv(path, sep="\t")["s"].iloc[0], end) for path, end in ends.items())
    total, until = 0.0, 0.0
    for start, end in spans:
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return round(total, 1)


def describe(config: dict[str, Any], results: list[str], benchmarks: str | Path, images: dict[str, Any]) -> dict[str, Any]:
    """Configuration, code, machine and results of a run, without dates.

    Args:
        results: the files that the record is about; their SHA-256 go into it.
        images: which data were read, as ``data.open_source`` says.
    """
    return {
        "dataset": config["dataset"],
        "configuration": digest(config),
        "images": images,
        "commit": _git("rev-parse", "HEAD")
        + ("" if not _git("status", "--porcelain", "src", "scripts", "rules") else " with changes"),
        "hardware": hardware(config["device"]),
        "models_per_setting": config["models"]["count"],
        "settings": sum(len(experiment["alphas"]) for experiment in experiments(config).values()) * len(config["seeds"]),
        "wall_seconds": elapsed(benchmarks),
        "sha256": {path: sha256(path) for path in sorted(results)},
    }


def hardware(device: str = "cpu") -> str:
    """Processor, number of cores, and the GPU if ``device`` is one; that of a cluster's node stands in the shards' manifests."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores" + (f", {_gpu(device)}" if device != "cpu" else "")


def _gpu(device: str) -> str:
    import torch  # only here: it takes seconds to import

    return torch.cuda.get_device_name(device) if torch.cuda.is_available() else "GPU elsewhere"


def same_results(record: str | Path, fresh: dict[str, Any]) -> bool:
    """Whether an existing record is of the same configuration, images and hardware and of byte-identical results."""
    if not Path(record).exists() or Path(record).stat().st_size == 0:
        return False
    old = read_json(record)
    return all(old.get(key) == fresh[key] for key in ("configuration", "images", "hardware", "sha256"))


def _git(*arguments: str) -> str:
    """The output of a git command, or "unknown" outside a checkout."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
