"""Puts the results tables into README.md, from the files that the workflow wrote: python tools/readme.py"""

import re
from pathlib import Path

import pandas as pd
import yaml

from rethinking_backdoors.config import experiments
from rethinking_backdoors.summary import headline

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- results of (\w+): .*? -->\n)(.*?)(<!-- end of results -->)", re.DOTALL)


def results(dataset: str) -> str:
    """The table of one configuration."""
    config = yaml.safe_load((ROOT / f"config/{dataset}.yaml").read_text(encoding="utf-8"))
    tables = {path.stem: pd.read_csv(path) for path in (ROOT / f"results/{dataset}/tables").glob("table*.csv")}
    return headline(tables, experiments(config))


def fresh(text: str) -> str:
    """The README with its results tables made anew."""
    return BLOCK.sub(lambda match: f"{match[1]}\n{results(match[2])}\n\n{match[4]}", text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(fresh(readme.read_text(encoding="utf-8")), encoding="utf-8")
