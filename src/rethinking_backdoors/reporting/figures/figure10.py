"""Figure 10 (not the paper's): how well detection works for how many models."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from rethinking_backdoors.reporting.figures import panels, style

COLORS = {
    "difference": style.CLEAN,
    "ridge": style.POISONED,
    "lasso": style.BETWEEN,
    "difference_centred": style.FIT,
    "difference_centred_models": "#CC79A7",
}
# Column of the table and masks of the fit: line style and what the legend calls it.
LINES = {
    ("auroc", "real"): (style.SOLID, "all examples"),
    ("auroc_within_target", "real"): (style.DASHED, "within the target class"),
    ("auroc", "permuted"): (style.DOTTED, "permuted masks (control)"),
}


def load(files: Any, settings: Any) -> dict[str, Any]:
    """The arguments of ``draw``: the table of one grid."""
    return {"table": pd.read_csv(files.table), "titles": panels.titles(settings)}


def panel(axes: Axes, table: pd.DataFrame) -> None:
    """One experiment: a colour for each estimator, a line style for each measure, intervals of the AUROC shaded.

    Those of the control only where two estimators or fewer share the panel: those of five would cover one another.
    """
    shaded = ("real", "permuted") if table["estimator"].nunique() <= 2 else ("real",)
    for (column, masks), (dashes, _) in LINES.items():
        for estimator, rows in table[(table["column"] == column) & (table["masks"] == masks)].groupby("estimator", sort=False):
            color = COLORS[estimator]
            axes.plot(rows["models"], rows["value"], color=color, linestyle=dashes, linewidth=1.1, marker="o", markersize=2)
            if column == "auroc" and masks in shaded:
                axes.fill_between(rows["models"], rows["low"], rows["high"], color=color, alpha=0.12, linewidth=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sorted(table["models"].unique())))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value >= 1000 else f"{value:g}")
    axes.tick_params(axis="x", labelrotation=60 if table["models"].nunique() > 4 else 0)


@style.theme()
def draw(table: pd.DataFrame, titles: dict[int, str]) -> Figure:
    """AUROC of detection against the number of models, a panel for each experiment.

    Args:
        table: the lines of ``comparisons.summarize``: experiment, estimator, models, masks, column, value, low, high.
        titles: experiment -> attack and trigger in words.
    """
    experiments = sorted(table["experiment"].unique())
    figure, axes = style.grid(len(experiments), sharey=True)
    for each, experiment in zip(axes, experiments, strict=True):
        panel(each, table[table["experiment"] == experiment])
    style.entitle(axes, experiments, titles)
    for estimator in table["estimator"].unique():
        axes[0].plot([], [], color=COLORS[estimator], label=estimator.replace("_", " "))
    for dashes, label in LINES.values():
        axes[0].plot([], [], color=style.NEUTRAL, linestyle=dashes, label=label)
    lowest = table.loc[table["column"].isin(["auroc", "auroc_within_target"]), "value"].min()
    axes[0].set_ylim(max(0, lowest - 5), 101)
    figure.supxlabel("number of models")
    figure.supylabel("AUROC of the scores (percent)")
    style.legend(figure, axes[0], columns=3)
    return figure
