"""What the scan answers on all sets, and what it costs (docs/scan.md); drawn by tools/scan_study.py."""

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure

from rethinking_backdoors.detection.labels import Settings
from rethinking_backdoors.reporting.figures import style

# p-values are stored to four digits.
SMALLEST = 1e-4


@style.theme()
def sets(found: pd.DataFrame) -> Figure:
    """A point a set: how far its label stands out, and how clearly its group is parted from the rest of the label.

    Args:
        found: ``dataset``, ``attacked``, ``p_value``, ``apart``; a line a set.
    """
    figure, settings = style.canvas(5.2, 3.2), Settings()
    axes = figure.subplots()
    markers = dict(zip(found["dataset"].unique(), "osD^vPX", strict=False))
    for (dataset, attacked), part in found.groupby(["dataset", "attacked"]):
        color, words = (style.POISONED, "attacked") if attacked else (style.CLEAN, "not attacked")
        look = {"color": color, "marker": markers[dataset], "s": 16, "alpha": 0.8, "linewidths": 0}
        axes.scatter(part["p_value"].clip(lower=SMALLEST), part["apart"], label=f"{dataset}, {words}", **look)
    axes.axvline(settings.alarm, color=style.NEUTRAL, lw=0.8, ls=style.DASHED)
    axes.axhline(100 * settings.apart, color=style.NEUTRAL, lw=0.8, ls=style.DASHED)
    axes.set(xscale="log", xlabel=f"p of the label that stands out most (at least {SMALLEST})")
    axes.set_ylabel("variance between two humps, %")
    axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@style.theme()
def price(table: pd.DataFrame) -> Figure:
    """A heatmap an experiment: subset fraction against units of models; the AUROC within the label of the poison.

    Args:
        table: ``experiment``, ``fraction``, ``units``, ``column``, ``value``, of ``studies.price.grid``.
    """
    shown = table[table["column"] == "auroc_within_target"]
    experiments = sorted(shown["experiment"].unique())
    figure, axes = style.grid(len(experiments), sharey=True)
    for place, (each, experiment) in enumerate(zip(axes, experiments, strict=True)):
        cells = shown[shown["experiment"] == experiment].pivot(index="fraction", columns="units", values="value")[::-1]
        seaborn.heatmap(cells, ax=each, vmin=50, vmax=100, cmap="Blues", annot=True, fmt=".0f", linewidths=1, cbar=False)
        each.set(title=f"experiment {experiment}", xlabel="", ylabel="")
        each.tick_params(length=0, labelrotation=0, left=place % style.COLUMNS == 0)
    figure.supxlabel("units of models (a unit costs what a model on half of the data does)")
    figure.supylabel("share of the data that a model sees")
    return figure


@style.theme()
def growth(table: pd.DataFrame) -> Figure:
    """Models that are needed against the size of the data, and what they cost, for subsets of half the data and of fixed size.

    Args:
        table: ``experiment``, ``examples``, ``subsets``, ``column``, ``value``, of ``studies.price.growth``.
    """
    figure = style.canvas(6.4, 2.6)
    panels = figure.subplots(1, 2, sharex=True)
    words = {
        "models_needed": "models needed",
        "price_needed": "price, thousands of the smallest set's\nmodels on half of the data",
    }
    looks = {"half": style.SOLID}
    for axes, (column, label) in zip(panels, words.items(), strict=True):
        for (experiment, subsets), line in table[table["column"] == column].groupby(["experiment", "subsets"]):
            slope = exponent(line)
            name = f"experiment {experiment}, {'half of the data' if subsets == 'half' else f'{subsets} examples'}: n^{slope:.1f}"
            color = dict(zip(sorted(table["experiment"].unique()), (style.CLEAN, style.POISONED), strict=False))[experiment]
            look = {"color": color, "ls": looks.get(str(subsets), style.DASHED), "marker": "o", "ms": 3, "lw": 1.2}
            axes.plot(line["examples"], line["value"], label=name, **look)
        axes.set(xscale="log", yscale="log", xlabel="examples n", ylabel=label)
        sizes = sorted(table["examples"].unique())
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.set_xticks([], minor=True)
        axes.legend(fontsize=5.5)
    return figure


def exponent(line: pd.DataFrame) -> float:
    """The power of n that ``value`` grows with: the slope of a straight line between logarithms."""
    return float(np.polyfit(np.log(line["examples"]), np.log(line["value"]), 1)[0])
