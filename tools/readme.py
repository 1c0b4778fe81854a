"""Makes README.md and the pages of docs/ that speak of results from docs/templates and the reference: python tools/readme.py

A number in these pages is an expression in the template, so that no sentence is older than the tables; what was measured once, by
hand, stands in results/reference/measured.yaml. The words are a person's, who reads them again when the reference changes.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml
from beyond_reference import Beyond, Frontier
from card_reference import Card
from domains_reference import domains, ranked
from more_references import Large, Price, Whole
from printed import cell, counted, last, printed, spread
from references import ROOT, Reference, read, replicated

from rethinking_backdoors.detection.labels import Settings
from rethinking_backdoors.reporting.words import series

TEMPLATES = ROOT / "docs/templates"


def scanned(attacked: bool, dataset: str = "all") -> Any:
    """What the scan answered on all sets of a data set: the line of summary.csv."""
    lines = read(ROOT / "results/reference/scan/summary.csv")
    (line,) = lines[(lines["attacked"] == attacked) & (lines["dataset"] == dataset) & (lines["kind"] == "all")].itertuples()
    return line


def sure(attacked: bool, sets: str = "scan/sets") -> pd.DataFrame:
    """The sets of a table that alarm by their p-value alone."""
    table = read(ROOT / f"results/reference/{sets}.csv")
    return table[(table["attacked"] == attacked) & (table["alarm"] > 0) & (table["apart"] < 100 * Settings().apart)]


def unattacked(sets: str) -> pd.DataFrame:
    """The sets of a table that nobody attacked, from the lowest p-value on."""
    table = read(ROOT / f"results/reference/{sets}.csv")
    return table[~table["attacked"]].sort_values("p_value")


def trusted_cell(name: str, pool: int, count: int) -> str:
    """Alarms of one kind of set against trusted ones, and the distance: "100, 9.4"."""
    cell = Reference("digits").table("scan_trusted", set=name, pool=pool, references=count).set_index("column")["value"]
    return f"{cell.get('right_label', cell['alarm']):.0f}, {cell['z']:.1f}"


def listed(values: Iterable[Any]) -> str:
    """ "1, 2 and 5", or "none"."""
    values = list(values)
    return series(values) if values else "none"


def span(values: pd.Series, digits: int = 0) -> str:
    """ "89 to 100"; one number where they agree."""
    low, high = f"{values.min():.{digits}f}", f"{values.max():.{digits}f}"
    return low if low == high else f"{low} to {high}"


def grid(values: pd.Series, digits: int = 0) -> str:
    """Cells of a Markdown table."""
    return " | ".join(f"{value:.{digits}f}" for value in values)


def pages() -> dict[Path, str]:
    """Every page and what it should be."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"span": span, "grid": grid, "series": listed, "r": lambda value, digits=0: f"{value:.{digits}f}"}
    names = {"digits": Reference("digits"), "mini": Reference("cifar10_mini"), "replicated": replicated, "scanned": scanned}
    names |= {"trusted_cell": trusted_cell, "sure": sure, "unattacked": unattacked}
    names |= {"printed": printed, "cell": cell, "counted": counted, "spread": spread, "last": last}
    names |= {"whole": Whole(), "fashion": Large("fashion_mnist"), "card": Card(), "beyond": Beyond("digits")}
    names["once"] = yaml.safe_load((ROOT / "results/reference/measured.yaml").read_text(encoding="utf-8"))
    names |= {"photographs": Beyond("cifar10_mini"), "frontier": Frontier()}
    names |= {"domains": domains(), "ranked": ranked, "price": Price("fashion_mini")}
    names["others"] = list(read(ROOT / "results/reference/scan/others.csv").itertuples())
    names["trusted_sets"] = list(names["digits"].table("scan_trusted")["set"].unique())
    names["scanned_data"] = [x for x in read(ROOT / "results/reference/scan/summary.csv")["dataset"].unique() if x != "all"]
    templates = sorted(path.relative_to(TEMPLATES) for path in TEMPLATES.rglob("*.md"))
    return {
        (ROOT if path.stem == "README" else ROOT / "docs") / path: environment.get_template(str(path)).render(names)
        for path in templates
    }


if __name__ == "__main__":
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
