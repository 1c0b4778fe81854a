"""Puts the answer and the results tables into README.md and docs/, from the reference results: python tools/readme.py"""

import re
from pathlib import Path

import pandas as pd

from rethinking_backdoors.reporting.verification.scorecard import scorecard

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# What a block shows: a section of a configuration's summary.
SECTIONS = {"results": "In one table", "defenses": "The defenses in one table"}
BLOCK = re.compile(r"(<!-- (results|defenses) of (\w+): .*? -->\n)(.*?)(<!-- end of \2 -->)", re.DOTALL)
ANSWER = re.compile(r"(<!-- answer for ([\w ]+): .*? -->\n)(.*?)(<!-- end of answer -->)", re.DOTALL)


def replicated(datasets: list[str]) -> str:
    """The table of claims and verdicts of several configurations."""
    read = {
        name: {kind: pd.read_csv(ROOT / f"results/reference/{name}/{kind}.csv") for kind in ("claims", "verification")}
        for name in datasets
    }
    claims = {name: tables["claims"].fillna({"row": "", "statistic": ""}) for name, tables in read.items()}
    return scorecard(claims, {name: tables["verification"] for name, tables in read.items()})


def table(kind: str, dataset: str) -> str:
    """The table of one section of a configuration's summary."""
    summary = (ROOT / f"results/reference/{dataset}/summary.md").read_text(encoding="utf-8")
    section = summary.split(f"## {SECTIONS[kind]}\n")[1].split("\n## ")[0]
    return section[section.index("| ") :].strip()


def fresh(text: str) -> str:
    """A page with its tables made anew."""
    text = ANSWER.sub(lambda match: f"{match[1]}\n{replicated(match[2].split())}\n\n{match[4]}", text)
    return BLOCK.sub(lambda match: f"{match[1]}\n{table(match[2], match[3])}\n\n{match[5]}", text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(fresh(page.read_text(encoding="utf-8")), encoding="utf-8")
