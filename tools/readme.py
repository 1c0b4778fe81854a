"""Puts the results table of the default into README.md, from the files that the workflow wrote: python tools/readme.py"""

import re
from pathlib import Path

import pandas as pd
import yaml

from rethinking_backdoors.config import experiments
from rethinking_backdoors.summary import headline

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- results: .*? -->\n)(.*?)(<!-- end of results -->)", re.DOTALL)


def fresh(text: str) -> str:
    """The README with its results table made anew."""
    config = yaml.safe_load((ROOT / "config/digits.yaml").read_text())
    tables = {path.stem: pd.read_csv(path) for path in (ROOT / "results/digits/tables").glob("table*.csv")}
    return BLOCK.sub(lambda match: f"{match[1]}\n{headline(tables, experiments(config))}\n\n{match[3]}", text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(fresh(readme.read_text(encoding="utf-8")), encoding="utf-8")
