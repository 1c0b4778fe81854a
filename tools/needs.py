"""What a configuration needs of a cluster, as a table: python tools/needs.py config/cifar10.yaml --seconds 3.4

Jobs are those of a dry run from an empty folder, memory is what the rules ask for (workflow/resources.py), and seconds a model
are measured by benchmarks/training.py, 3.4 on an H200 (docs/gpu.md).
"""

import argparse
import itertools
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rethinking_backdoors.config import check, count_of, experiments, load

ROOT = Path(__file__).parents[1]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What a configuration needs of a cluster.")
    parser.add_argument("configuration", type=Path)
    parser.add_argument("--seconds", type=float, required=True, help="of a GPU or a core, a model")
    return parser.parse_args()


def planned(configuration: Path) -> tuple[dict[str, int], dict[str, int], float]:
    """Jobs and the largest memory (MB) of every rule by a dry run, and the seconds that it took."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--dry-run", "--cores", "1"]
    with tempfile.TemporaryDirectory() as empty:
        started = time.monotonic()
        ask = [*command, "--directory", empty, "--configfile", str(configuration)]
        done = subprocess.run(ask, capture_output=True, text=True, cwd=ROOT, check=False)
        took = time.monotonic() - started
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    text = done.stdout + done.stderr
    memory: dict[str, int] = {}
    for block in re.split(r"^\[", text, flags=re.MULTILINE):  # each job begins with a time
        if found := re.search(r"^rule (\w+):$.*?mem_mb=(\d+)", block, re.MULTILINE | re.DOTALL):
            memory[found[1]] = max(memory.get(found[1], 0), int(found[2]))
    table = text[text.rindex("Job stats:") :]
    counts = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
    return counts, memory, took


def main() -> None:
    asked = options()
    config = check(load(asked.configuration))
    counts, memory, took = planned(asked.configuration)
    n, seeds = config["images"]["train"], len(config["seeds"])
    settings = [count_of(config, e) for e, given in experiments(config).items() for _ in given["alphas"] for _ in range(seeds)]
    hours = sum(settings) * asked.seconds / 3600
    rows = {
        "models": f"{sum(settings):,}",
        "jobs": f"{counts['total']:,}, {counts['train']:,} of them training",
        "hours of a GPU or core": f"{hours:,.0f} at {asked.seconds:g} s a model",
        "margins on disk": f"{2e-9 * n * sum(settings):,.0f} GB",
        "datamodels on disk": f"{4e-9 * n**2 * len(settings):,.0f} GB",
        "files of margins": f"{2 * counts['train']:,}",
        "planning": f"{took:.0f} s",
    }
    print("| of the whole run | |\n| --- | --- |")
    print("\n".join(f"| {name} | {value} |" for name, value in rows.items()))
    print("\n| rule | jobs | memory a job, GB |\n| --- | --- | --- |")
    largest = {rule: megabytes / 1000 for rule, megabytes in memory.items() if rule in counts}
    for gigabytes, rules in itertools.groupby(sorted(largest, key=lambda rule: (-largest[rule], rule)), largest.__getitem__):
        if gigabytes >= 2:
            jobs: dict[str, int] = {}
            for rule in rules:
                name = "every figure" if rule.startswith("figure") else rule
                jobs[name] = jobs.get(name, 0) + counts[rule]
            print(f"| {', '.join(jobs)} | {', '.join(f'{count:,}' for count in jobs.values())} | {gigabytes:.1f} |")


if __name__ == "__main__":
    main()
