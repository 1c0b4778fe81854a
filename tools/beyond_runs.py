"""Makes the runs of config/beyond that tools/beyond.py joins: make beyond

The names of configurations come from the environment variable BEYOND; one whose data are not here is left out, and the last line
says which. Interrupted, the same command goes on.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from rethinking_backdoors.config import load
from rethinking_backdoors.data import open_source
from rethinking_backdoors.errors import InputError

ROOT = Path(__file__).parents[1]
# Minutes of processor time, for the plan.
MINUTES = {"digits": 100, "frontier/digits": 20, "cifar10_mini": 180}
MINUTES |= {"optdigits": 10, "spambase": 10, "kddcup": 10, "programs": 8, "mails": 30}


def files(name: str, dataset: str) -> list[str]:
    """What is asked for: votes on digits alone, the scan and what removal costs on images."""
    images = ["removal", "scan"] if name in ("digits", "cifar10_mini") else []
    tables = ["attacks", "defenses", *images, *(["certificates"] if name == "digits" else [])]
    return [f"results/{dataset}/tables/{table}.csv" for table in tables] + [f"results/{dataset}/cost.csv"]


def run(name: str, cores: str) -> None:
    """One configuration.

    Raises:
        InputError: its data are not here.
    """
    path = ROOT / f"config/beyond/{name}.yaml"
    config = load(path)
    open_source(config["images"])
    command = [sys.executable, "-m", "snakemake", "--logger", "progress", "--cores", cores, "--configfile", str(path), "--"]
    done = subprocess.run([*command, *files(name, config["dataset"])], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", default="all")
    cores = parser.parse_args().cores
    names = os.environ.get("BEYOND", "").split() or list(MINUTES)
    if unknown := [name for name in names if name not in MINUTES]:
        print(f"There is no configuration {unknown[0]}: BEYOND names some of {', '.join(MINUTES)}.", file=sys.stderr)
        sys.exit(2)
    minutes = sum(MINUTES[name] for name in names)
    print(f"{len(names)} runs, about {minutes} minutes of processor time. Stopped, the same command goes on.", flush=True)
    left_out = []
    for name in names:
        try:
            run(name, cores)
        except InputError as error:
            left_out.append(f"{name} was left out: {error}")
    print(*left_out, sep="\n", end="\n" if left_out else "", flush=True)


if __name__ == "__main__":
    main()
