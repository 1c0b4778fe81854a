"""Table 1 on a processor: make table1 MINUTES=120, or python tools/table1.py config/cifar10.yaml --minutes 120 --threads 2

Trains one network after the other, epoch by epoch; the same command goes on where it stopped. Finished ones are lines of
results/cifar10/networks.csv, which begins as a copy of the reference's.
"""

import argparse
import math
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch

from rethinking_backdoors.config import check, load
from rethinking_backdoors.data import images_tested
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import write_text
from rethinking_backdoors.reporting.provenance import hardware
from rethinking_backdoors.reporting.verification import networks, published, verdicts
from rethinking_backdoors.studies import table1
from rethinking_backdoors.training.deadline import Deadline

ROOT = Path(__file__).parents[1]
# A network that was timed: 24 epochs of 50,000 images on two cores with units for bfloat16, hours; without, twice as long.
HOURS = 1.5


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Table 1 with the paper's own network, on a processor.")
    parser.add_argument("config", type=Path)
    parser.add_argument("--minutes", type=float, default=math.inf, help="no epoch is begun that would not end in this time")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seeds", type=int, default=3, help="networks of each experiment")
    parser.add_argument("--results", type=Path, default=Path("results"))
    return parser.parse_args()


def progress(name: str, epochs: int, epoch: int, seconds: float) -> None:
    print(f"{name}: epoch {epoch} of {epochs}, {(epochs - epoch) * seconds / 60:.0f} minutes left", flush=True)


def verify(config: dict[str, Any], path: Path) -> None:
    """Every published number beside the networks that there are: verification.csv beside ``path``."""
    if path.exists():
        found = networks.tables(networks.long(table1.read(path)), images_tested(config["images"]))
        verified = verdicts.verify(published.read(ROOT / "config/published.yaml"), config, found)
        write_text(path.with_name("verification.csv"), verified.to_csv(index=False))
        counts = verified["verdict"].value_counts()
        said = ", ".join(f"{counts[name]} {name}" for name in verdicts.DECIDED if name in counts)
        print(f"of {len(verified)} published numbers: {said}: {path.with_name('verification.csv')}")


def main() -> None:
    asked = options()
    config, deadline = check(load(asked.config)), Deadline(60 * asked.minutes)
    torch.set_num_threads(asked.threads)
    results = asked.results / config["dataset"]
    path, reference = results / "networks.csv", ROOT / "results/reference" / config["dataset"]
    if not path.exists() and (reference / "networks.csv").exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(reference / "networks.csv", path)
    verify(config, path)
    wanted = list(table1.planned(config, table1.read(path), range(asked.seeds), reference))
    there = len(table1.read(path))
    print(f"{len(wanted)} networks, about {HOURS} h each on two cores with bfloat16, {2 * HOURS} h without; {there} are there")
    for number, seed in wanted:
        name = f"experiment {number}, seed {seed}"
        told = partial(progress, name, config["training"]["epochs"])
        line = table1.network(config, number, seed, results / "table1", reference, deadline=deadline, progress=told)
        if line is None:
            print(f"the time is over; {name} goes on with the same command")
            return
        table1.keep(path, line | {"processor": hardware()})
        verify(config, path)
        (results / f"table1/exp{number}-seed{seed}.npz").unlink()
        accuracies = f"clean accuracy {line['clean_accuracy']:.2f}, with the trigger {line['poisoned_accuracy']:.2f}"
        print(f"{name}: {accuracies}, attack success {line['asr']:.2f}: {path}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on at the last whole epoch", file=sys.stderr)
        sys.exit(130)
