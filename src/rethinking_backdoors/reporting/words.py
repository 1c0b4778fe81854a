"""Numbers into words: jinja2 templates for all prose that a run writes, tabulate for its Markdown tables."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from tabulate import tabulate


def render(template: str, **values: Any) -> str:
    """A template of ``reporting/templates`` with its values; those that end in .html escape them."""
    return _environment.get_template(template).render(**values)


def paragraph(template: str, **values: Any) -> str:
    """The same as one paragraph: lines and what indents them are single spaces."""
    return " ".join(render(template, **values).split())


def markdown(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A pipe table; every cell is text and stays as it is."""
    return tabulate([list(line) for line in lines], list(head), tablefmt="pipe", disable_numparse=True, stralign=None)


def series(parts: Iterable[Any]) -> str:
    """ "a, b and c"."""
    *first, last = (str(part) for part in parts)
    return f"{', '.join(first)} and {last}" if first else last


def experiments(numbers: Iterable[int], everyone: Iterable[int]) -> str:
    """ "experiments 1, 2 and 5", "experiment 3", "no experiment", "every experiment"."""
    numbers, everyone = sorted(set(numbers)), sorted(set(everyone))
    if numbers == everyone and len(numbers) > 1:
        return "every experiment"
    return f"experiment{'s' * (len(numbers) > 1)} {series(numbers)}" if numbers else "no experiment"


def span(values: pd.Series, digits: int = 1) -> str:
    """ "65.1 (experiment 7) to 100.0 (experiment 3)" of values by experiment; one number where they agree."""
    low, high = (f"{value:.{digits}f}" for value in (values.min(), values.max()))
    if low == high:
        return low
    return f"{low} (experiment {values.idxmin()}) to {high} (experiment {values.idxmax()})"


def listed(parts: dict[int, str]) -> str:
    """ "1: ...; 2: ..." by experiment, or without the number where there is one experiment only."""
    return "; ".join(f"{number}: {part}" for number, part in parts.items()) if len(parts) > 1 else series(parts.values())


def number(value: float, digits: int = 1) -> str:
    """ "12,345.6"."""
    return f"{value:,.{digits}f}"


_environment = Environment(
    loader=PackageLoader("rethinking_backdoors.reporting"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=select_autoescape(["html"]),
)
_environment.filters |= {"series": series, "span": span, "number": number, "experiments": experiments}
