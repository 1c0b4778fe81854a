"""The one style of all figures: colours, fonts, the grid of panels, their titles, and how figures are written."""

import contextlib
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import seaborn
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rethinking_backdoors.io import atomic

# Okabe and Ito's blue and green; their orange is darkened, because thin lines in it are hard to see on white.
POISONED, CLEAN, BETWEEN = "#D97B00", "#0072B2", "#009E73"
FIT, NEUTRAL = "#7A3B00", "#555555"
DASHED, SOLID, DOTTED = (0, (3.5, 1.5)), "-", ":"
PAGE_WIDTH, COLUMNS = 7.0, 4  # inches; panels a row, as in the paper

SETTINGS: dict[Any, Any] = {
    **seaborn.axes_style("ticks"),
    # A font that comes with matplotlib: the figure is the same on every machine.
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 7.5,
    "axes.titlepad": 4,
    "axes.labelsize": 8,
    "figure.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "legend.columnspacing": 1.4,
    "legend.handlelength": 2.2,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#333333",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "axes.formatter.limits": (-5, 5),
    "axes.formatter.useoffset": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,
}


@contextlib.contextmanager
def theme() -> Iterator[None]:
    """Sets the rcParams of all figures for a block, or as ``@theme()`` for a function, and puts the old ones back."""
    with matplotlib.rc_context(SETTINGS):
        yield


def canvas(width: float, height: float) -> Figure:
    """An empty figure of the given size in inches that belongs to no pyplot state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def grid(count: int, sharey: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure of ``count`` panels, four a row (2 x 4 for the paper's eight experiments), and the panels' axes."""
    columns, rows = min(count, COLUMNS), -(-count // COLUMNS)
    figure = canvas(min(PAGE_WIDTH, 1.8 + 1.8 * columns), 1 + 1.75 * rows)
    axes = figure.subplots(rows, columns, sharey=sharey, squeeze=False).ravel()
    for unused in axes[count:]:
        unused.set_visible(False)
    return figure, list(axes[:count])


def entitle(axes: list[Axes], experiments: list[int], titles: dict[int, str]) -> None:
    """Titles of the panels: "Exp. 1" and below it attack and trigger; the first lines of a row stand level."""
    width = 24 if len(axes) > 2 else 40
    lines = [textwrap.wrap(titles[experiment], width) for experiment in experiments]
    for number, (panel, experiment, words) in enumerate(zip(axes, experiments, lines, strict=True)):
        start = number - number % COLUMNS
        blank = max(map(len, lines[start : start + COLUMNS])) - len(words)
        panel.set_title("\n".join([f"Exp. {experiment}", *words, *[""] * blank]))


def legend(figure: Figure, axes: Axes, columns: int) -> None:
    """The figure's one legend with the labels of one of the panels: above them, or beside them in no columns."""
    if figure.get_figwidth() < 4:  # one panel
        columns = min(columns, 2)
    place: dict[str, Any] = {"loc": "outside upper center", "ncols": columns} if columns else {"loc": "outside right center"}
    if not columns:
        figure.set_figwidth(figure.get_figwidth() + 2.2)
    drawn = figure.legend(*axes.get_legend_handles_labels(), **place, markerscale=1.8)
    for handle in filter(None, drawn.legend_handles):
        handle.set_alpha(1)


def save(figure: Figure, path: str | Path) -> None:
    """Writes ``path``.png (200 dpi) and ``path``.pdf and closes the figure; equal figures give equal bytes.

    Args:
        figure: any of this package's figures.
        path: without an ending; ``.png`` or ``.pdf`` is taken off.
    """
    path = Path(path)
    stem = path.with_suffix("") if path.suffix in (".png", ".pdf") else path
    # Dates would make every run's files differ.
    formats = {".png": (200, {"Software": None}), ".pdf": (300, {"CreationDate": None, "ModDate": None})}
    for ending, (dpi, metadata) in formats.items():
        with theme(), atomic(stem.with_name(stem.name + ending)) as temporary:
            figure.savefig(temporary, format=ending[1:], dpi=dpi, metadata=metadata)
    pyplot.close(figure)
