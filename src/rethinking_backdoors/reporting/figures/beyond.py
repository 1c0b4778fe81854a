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
        axes.tick_params(axis="x", length=0)
        axes.xaxis.tick_top()
        for label in axes.get_xticklabels():
            label.set(rotation=35, horizontalalignment="left", rotation_mode="anchor")
    return figure


@style.theme()
def curves(table: pd.DataFrame) -> Figure:
    """Figure 13: the k-output of the first attack on every data set, whatever kind of data it is.

    Args:
        table: ``dataset``, ``attack``, ``k``, ``poisoned``, ``clean`` (mean margins).
    """
    first = [part[part["experiment"] == part["experiment"].iloc[0]] for _, part in table.groupby("dataset", sort=False)]
    figure, axes = style.grid(len(first))
    for each, part in zip(axes, first, strict=True):
        each.plot(part["k"], part["poisoned"], color=style.POISONED, linestyle=style.DASHED, linewidth=2, label="poisoned")
        each.plot(part["k"], part["clean"], color=style.CLEAN, linewidth=2, label="clean")
        each.set_title(f"{part['dataset'].iloc[0]}\n{part['attack'].iloc[0]}".replace("_", " "))
        each.margins(x=0.02)
    figure.supxlabel("poisoned examples in the training subset, k")
    figure.supylabel("mean margin")
    style.legend(figure, axes[0], columns=2)
    return figure


@style.theme()
def frontier(table: pd.DataFrame) -> Figure:
    """Figure 14: attacks over their budgets, what each achieves against how high a detector ranks it and how little it shows.

    Args:
        table: ``budget`` (a line of points each, in the order of the budget), ``asr``, ``similarity``, and ``auroc_`` with a
            detector's name.
    """
    shown = {name: name.removeprefix("auroc_") for name in table.columns if name.startswith("auroc_")}
    panels = {name: f"{detector}: AUROC within the label, %" for name, detector in shown.items()}
    panels["similarity"] = "structural similarity (SSIM), %"
    figure = style.canvas(style.PAGE_WIDTH, 0.7 + 2.2 * -(-len(panels) // 2))
    axes = figure.subplots(-(-len(panels) // 2), 2, sharex=True, sharey=True, squeeze=False).ravel()
    colors = seaborn.color_palette("colorblind", table["budget"].nunique())
    for each, (column, title) in zip(axes, panels.items(), strict=False):
        for color, (budget, part) in zip(colors, table.groupby("budget", sort=False), strict=True):
            each.plot(part["asr"], part[column], color=color, linewidth=0.8, label=budget)
            sizes = [8 + 10 * place for place in range(len(part))]
            each.scatter(part["asr"], part[column], sizes, [color], linewidths=0)
        if column in shown:
            each.axhline(50, color=style.NEUTRAL, linewidth=0.6, linestyle=style.DOTTED)
        each.set(title=title, xlim=(-4, 104), ylim=(-4, 104))
    figure.supxlabel("attack success, % (larger points: larger budgets)")
    style.legend(figure, axes[0], columns=3)
    return figure
