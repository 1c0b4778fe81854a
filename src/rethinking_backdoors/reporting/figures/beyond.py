"""Detectors against attacks beyond the paper's (docs/beyond.md); drawn by tools/beyond.py."""

import pandas as pd
import seaborn
from matplotlib.figure import Figure

from rethinking_backdoors.reporting.figures import style

# What a panel shows, how the panel is called, and which of its ends is a success of the attacker.
PANELS = {
    "auroc_within_target": ("does it rank the poison high? AUROC within the label", "Blues"),
    "asr": ("attack success after removal, %", "Oranges"),
}


@style.theme()
def detectors(table: pd.DataFrame) -> Figure:
    """Two heatmaps, attack x detector; where a detector has no scores the cell is empty.

    Args:
        table: ``attack``, ``detector``, ``column``, ``value``, in the order that is shown; of one data set.
    """
    attacks = list(table["attack"].unique())
    figure = style.canvas(style.PAGE_WIDTH, 1.1 + 0.46 * len(attacks))
    for axes, (column, (title, colors)) in zip(figure.subplots(2, 1), PANELS.items(), strict=True):
        part = table[table["column"] == column]
        shown = part.pivot(index="attack", columns="detector", values="value")
        shown = shown.reindex(index=[name for name in attacks if name in shown.index])[list(part["detector"].unique())]
        low = 0 if column == "asr" else 50
        look = {"cmap": colors, "annot": True, "fmt": ".0f", "linewidths": 1, "cbar": False, "annot_kws": {"fontsize": 6.5}}
        seaborn.heatmap(shown, ax=axes, vmin=low, vmax=100, **look)
        axes.set(xlabel="", ylabel="")
        axes.set_title(title)
        axes.tick_params(axis="y", length=0, labelrotation=0)
        axes.tick_params(axis="x", length=0, labelrotation=30)
        axes.xaxis.tick_top()
    return figure
