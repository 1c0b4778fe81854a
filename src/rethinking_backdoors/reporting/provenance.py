"""What a run cost, and what was run where."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from rethinking_backdoors import kernels
from rethinking_backdoors.config import tabled
from rethinking_backdoors.io import digest, sha256

# What a run is made of beside its configuration's values, and the endings of its files.
CODE = ("Snakefile", "rules", "workflow", "scripts", "src", "config/published.yaml")
TEXT = (".smk", ".py", ".yaml", ".rst", ".css")


def cost(benchmarks: Iterable[str | Path]) -> pd.DataFrame:
    """Cost by rule and experiment from Snakemake's benchmark files.

    Args:
        benchmarks: one file a job of the present configuration, ``{rule}/exp{experiment}-seed{seed}-....tsv``; those that do
            not exist are left out. A job made again has the cost of its last run, one that was taken up that of the rest.

    Returns:
        rule, experiment and seed ("all" where a job serves every one), jobs, wall_s, cpu_s (sums), max_rss_mb (the largest job).
    """
    lines = []
    for path in _existing(benchmarks):
        of = {key: found[1] if (found := re.search(rf"\b{key}(\d+)", path.stem)) else "all" for key in ("exp", "seed")}
        job = pd.read_csv(path, sep="\t", na_values="-").iloc[-1]
        lines.append((path.parent.name, of["exp"], of["seed"], job["s"], job["cpu_time"], job["max_rss"]))
    jobs = pd.DataFrame(lines, columns=["rule", "experiment", "seed", "wall_s", "cpu_s", "max_rss_mb"])
    table = jobs.groupby(["rule", "experiment", "seed"], as_index=False).agg(
        jobs=("wall_s", "size"), wall_s=("wall_s", "sum"), cpu_s=("cpu_s", "sum"), max_rss_mb=("max_rss_mb", "max")
    )
    return table.round(1)


def _existing(benchmarks: Iterable[str | Path]) -> list[Path]:
    return sorted(path for path in {Path(name) for name in benchmarks} if path.exists())


def elapsed(benchmarks: Iterable[str | Path]) -> float:
    """Seconds in which at least one job ran, from the files of ``cost`` and their times; pauses between two runs do not count."""
    ends = {path: path.stat().st_mtime for path in _existing(benchmarks)}
    spans = sorted((end - pd.read_csv(path, sep="\t")["s"].iloc[-1], end) for path, end in ends.items())
    total, until = 0.0, 0.0
    for start, end in spans:
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return round(total, 1)


def describe(
    config: dict[str, Any], root: str | Path, results: list[str], benchmarks: Iterable[str | Path], images: dict[str, Any]
) -> dict[str, Any]:
    """Configuration, code, machine and results of a run, without dates.

    Args:
        root: the folder of the workflow's Snakefile, whose code ran.
        results: the files that the record is about; their SHA-256 go into it.
        benchmarks: see ``cost``.
        images: which data were read, as ``data.open_source`` says.
    """
    changed = _git(root, "status", "--porcelain", "--", *CODE)
    return {
        "dataset": config["dataset"],
        "configuration": digest(config),
        "images": images,
        "commit": _git(root, "rev-parse", "HEAD") + (" with changes" if changed else ""),
        "code": code(root),
        "hardware": hardware(config["device"]),
        "kernels": {"asked": config["kernels"], **kernels.describe()},
        "models_per_setting": config["models"]["count"],
        "settings": sum(len(experiment["alphas"]) for experiment in tabled(config).values()) * len(config["seeds"]),
        "wall_seconds": elapsed(benchmarks),
        "sha256": {path: sha256(path) for path in sorted(results)},
    }


def code(root: str | Path) -> str:
    """A fingerprint (16 hexadecimal digits) of everything that a run executes or draws its words from: names and contents of the
    files in ``CODE``, the same in every checkout of them."""
    found = [path for name in CODE for path in (Path(root, name), *Path(root, name).rglob("*"))]
    files = {path for path in found if path.is_file() and (path.suffix in TEXT or path.name == "Snakefile")}
    return digest({path.relative_to(root).as_posix(): sha256(path) for path in files})


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


def _git(root: str | Path, *arguments: str) -> str:
    """The output of a git command in a folder, or "unknown" outside a checkout."""
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
