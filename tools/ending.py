"""The last lines of `make reproduce`: the answer, whether the numbers are the reference's, where everything lies, the time.

python tools/ending.py CONFIG SECONDS_SINCE_1970_AT_THE_START
"""

import sys
import time
from pathlib import Path

import pandas as pd

from rethinking_backdoors.config import load
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.reporting.verification import check

ROOT = Path(__file__).parents[1]


def summary_lines(results: Path) -> list[str]:
    """Three lines: how many attacks succeed and are stopped, what the claims came to, and the printed numbers."""
    success = pd.read_csv(results / "tables/table6.csv").query("experiment != 0").set_index(["row", "experiment"])["value"]
    claims = pd.read_csv(results / "claims.csv").query("experiment == 'all' and claimed")["verdict"].value_counts()
    verified = pd.read_csv(results / "verification.csv")["verdict"].value_counts()
    before, paper, refined = success["none"], success["paper"] <= 10, success["refined"] <= 10
    return [
        f"{len(before)} attacks succeed on {before.min():.0f} to {before.max():.0f} % of the triggered test images. "
        f"The paper's detector stops {paper.sum()} of them (to 10 % or less), this project's `refined` {refined.sum()}.",
        f"Of the paper's {claims.sum()} statements {claims.get('holds', 0)} hold here, {claims.get('fails', 0)} fail, "
        f"{claims.get('not decided', 0)} are not decided by so few seeds.",
        f"Of its {verified.sum()} printed numbers {verified.get('reproduced', 0)} are reproduced, "
        f"{verified.get('differs', 0)} differ, {verified.get('not comparable', 0)} cannot be compared at this scale.",
    ]


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
    for line in summary_lines(results):
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
