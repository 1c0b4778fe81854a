"""The last lines of `make reproduce`: the answer, whether the numbers are the reference's, where everything lies, the time.

python tools/ending.py CONFIG SECONDS_SINCE_1970_AT_THE_START
"""

import sys
import time
from pathlib import Path

import pandas as pd

from rethinking_backdoors.config import load
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.reporting.overview import answer
from rethinking_backdoors.reporting.verification import check

ROOT = Path(__file__).parents[1]


def checked(dataset: str) -> str:
    """One line: are the numbers those of the reference?"""
    try:
        reference = check.read_reference(ROOT / "results/reference" / dataset)
    except InputError as error:
        return str(error)
    return check.sentence(check.compare(check.read(Path("results", dataset, "tables").glob("*.csv")), reference))


def main(config: str, started: str) -> None:
    dataset = load(config)["dataset"]
    results, minutes = Path("results", dataset), (time.time() - float(started)) / 60
    print("\nDid it replicate?")
    tables = [pd.read_csv(results / f"{name}.csv") for name in ("tables/table6", "claims", "verification")]
    for line in answer(*tables):
        print(f"  {line}")
    print("Are these the reference's numbers? (make check shows them cell by cell)")
    print(f"  {checked(dataset)}")
    print(f"Where everything lies, in {Path.cwd()}")
    print(f"  {results}/verification.md   the paper's claims and numbers beside this run's")
    print(f"  {results}/summary.md        every table in readable form")
    print(f"  {results}/tables, figures/{dataset}; make report makes one HTML file of all")
    print(f"It took {minutes:.0f} minutes.")


if __name__ == "__main__":
    main(*sys.argv[1:3])
