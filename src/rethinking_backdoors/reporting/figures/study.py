"""A study: one number of every variant, by experiment

**What to look at.** A panel is an experiment, a line a variant: its mean over seeds with a 95 % interval, against the number of
models where that was varied.
`docs/findings.md` says what each study asks and what came out.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rethinking_backdoors.reporting.figures import panels, style

LOOKS = {"paper": style.CLEAN, "refined": style.POISONED}
MARKERS = {"paper": "o", "refined": "o", "margin_sd": "^", "label": "x"}
# By whom sets are judged, where that was varied.
JUDGED = {None: style.SOLID, "same models": style.SOLID, "other models": style.DASHED, "permuted": style.DOTTED}
# The number that is shown, the first of these that the table has, and what the axis calls it.
SHOWN = {"auroc": "AUROC of the scores (percent)", "unexplained": "variance not explained (percent)"}


def load(files: Any, settings: Any) -> dict[str, Any]:
    """The arguments of ``draw``: the table of one study."""
    return {"table": pd.read_csv(files.table), "titles": panels.titles(settings)}


@style.theme()
def draw(table: pd.DataFrame, titles: dict[int, str]) -> Figure:
    """Every variant of every experiment.

    Args:
        table: the lines of ``comparisons.summarize``: experiment, what was varied, column, value, low, high, seeds.
        titles: experiment -> attack and trigger in words.
    """
    column = next(name for name in SHOWN if name in set(table["column"]))
    table = table[table["column"] == column]
    varied = [name for name in table.columns if name not in ("experiment", "column", "value", "low", "high", "seeds")]
    experiments = sorted(table["experiment"].unique())
    figure, axes = style.grid(len(experiments), sharey=True)
    panel = _curves if "models" in varied else _points
    names = table[[name for name in varied if panel is _points or name != "models"]].astype(str).agg(", ".join, axis=1)
    table, variants = table.assign(variant=names), list(dict.fromkeys(names))
    for each, experiment in zip(axes, experiments, strict=True):
        panel(each, table[table["experiment"] == experiment], variants, column)
    style.entitle(axes, experiments, titles)
    if panel is _points:
        figure.supxlabel(SHOWN[column])
    else:
        figure.supxlabel("models")
        figure.supylabel(SHOWN[column])
        style.legend(figure, axes[0], columns=3 if len(axes) > 2 else 0)
    return figure


def _points(axes: Axes, cells: pd.DataFrame, variants: list[str], column: str) -> None:
    """A variant a line."""
    cells, places = cells.set_index("variant").loc[variants], np.arange(len(variants))[::-1]
    for place, cell in zip(places, cells.itertuples(), strict=True):
        color = LOOKS.get(getattr(cell, "detector", ""), style.NEUTRAL)
        axes.plot([cell.low, cell.high], [place, place], color=color, linewidth=1.2, alpha=0.6)
        axes.plot(cell.value, place, marker="o", markersize=3, color=color)
    if column == "auroc":
        axes.axvline(50, color=style.NEUTRAL, linestyle=style.DOTTED, linewidth=0.8)
        axes.set_xlim(0, 103)
    axes.set_yticks(places, variants, fontsize=5.5)


def _curves(axes: Axes, cells: pd.DataFrame, variants: list[str], column: str) -> None:
    """A variant a curve over the number of models."""
    for variant in variants:
        curve = cells[cells["variant"] == variant].sort_values("models")
        first = curve.iloc[0]
        line, marker = JUDGED.get(first.get("judged"), JUDGED[None]), MARKERS.get(first["detector"], "")
        look = {"color": LOOKS.get(first["detector"], style.NEUTRAL), "linestyle": line, "marker": marker, "ms": 3, "lw": 1.2}
        axes.plot(curve["models"], curve["value"], label=variant, **look)
        axes.fill_between(curve["models"], curve["low"], curve["high"], color=look["color"], alpha=0.12, linewidth=0)
    if column == "auroc":
        axes.axhline(50, color=style.NEUTRAL, linewidth=0.5)
    counts = sorted(cells["models"].unique())
    axes.set(xscale="log", xticks=counts)
    axes.set_xticks(counts, [f"{count / 1000:g}k" for count in counts], minor=False, fontsize=6)
    axes.minorticks_off()
