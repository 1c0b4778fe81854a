"""What benchmarks printed, in results/reference/benchmarks: a file a command, as docs/benchmarks.md shows it."""

import re

from references import ROOT

PLACE = ROOT / "results/reference/benchmarks"


def printed(name: str) -> str:
    """All that a benchmark printed."""
    return (PLACE / f"{name}.md").read_text(encoding="utf-8").strip()


def column(name: str, head: str) -> dict[str, str]:
    """The cells of the first table that has the column, by the first cell of their row; of rows of one name the last."""
    for text in re.findall(r"(?:^\|.*\n?)+", printed(name), re.MULTILINE):
        names, _, *rows = [[part.strip() for part in line.strip("|").split("|")] for line in text.splitlines()]
        if head in names:
            return {line[0]: line[names.index(head)] for line in rows}
    raise KeyError(head)


def cell(name: str, head: str, row: str = "") -> str:
    """One cell, of the last row where none is named."""
    cells = column(name, head)
    return cells[row or list(cells)[-1]]


def last(name: str, head: str) -> str:
    """The name of the last row."""
    return list(column(name, head))[-1]


def counted(name: str, head: str) -> int:
    """The sum of cells like "3 of 20"."""
    return sum(int(text.split(" of ")[0]) for text in column(name, head).values())


def spread(name: str, head: str) -> str:
    """From the lowest to the highest number of a column: "94 to 99"."""
    values = [float(text) for text in column(name, head).values()]
    return f"{min(values):.0f} to {max(values):.0f}"
