"""Puts the answer and the results tables into README.md, from the files that the workflow wrote: python tools/readme.py"""

import re
from pathlib import Path

import pandas as pd

from rethinking_backdoors.verification.answer import answer

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- results of (\w+): .*? -->\n)(.*?)(<!-- end of results -->)", re.DOTALL)

ANSWER = re.compile(r"(<!-- answer for ([\w ]+): .*? -->\n)(.*?)(<!-- end of answer -->)", re.DOTALL)


def replicated(datasets: list[str]) -> str:
    """The table of claims and verdicts of several configurations."""
    read = {
        name: {kind: pd.read_csv(ROOT / f"results/{name}/{kind}.csv") for kind in ("claims", "verification")} for name in datasets
    }
    claims = {name: tables["claims"].fillna({"row": "", "statistic": ""}) for name, tables in read.items()}
    return answer(claims, {name: tables["verification"] for name, tables in read.items()})


def results(dataset: str) -> str:
    """The table of the section "In one table" of one configuration's summary."""
    section = (ROOT / f"results/{dataset}/summary.md").read_text(encoding="utf-8").split("## In one table")[1].split("\n## ")[0]
    return section[section.index("| ") :].strip()


def fresh(text: str) -> str:
    """The README with its tables made anew."""
    text = ANSWER.sub(lambda match: f"{match[1]}\n{replicated(match[2].split())}\n\n{match[4]}", text)
    return BLOCK.sub(lambda match: f"{match[1]}\n{results(match[2])}\n\n{match[4]}", text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(fresh(readme.read_text(encoding="utf-8")), encoding="utf-8")
