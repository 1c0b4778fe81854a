"""Puts the results tables into README.md, from the summaries that the workflow wrote: python tools/readme.py"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- results of (\w+): .*? -->\n)(.*?)(<!-- end of results -->)", re.DOTALL)


def results(dataset: str) -> str:
    """The table of the section "In one table" of one configuration's summary."""
    section = (ROOT / f"results/{dataset}/summary.md").read_text(encoding="utf-8").split("## In one table")[1].split("\n## ")[0]
    return section[section.index("| ") :].strip()


def fresh(text: str) -> str:
    """The README with its results tables made anew."""
    return BLOCK.sub(lambda match: f"{match[1]}\n{results(match[2])}\n\n{match[4]}", text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(fresh(readme.read_text(encoding="utf-8")), encoding="utf-8")
