"""A study: one number of every variant, by experiment

**What to look at.** A panel is an experiment, a line a variant: its mean over seeds with a 95 % interval.
`docs/findings.md` says what each study asks and what came out.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rethinking_backdoors.reporting.figures import panels, style

LOOKS = {"paper": style.CLEAN, "refined": style.POISONED}
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
    names = table[varied].astype(str).agg(", ".join, axis=1)
    experiments, variants = sorted(table["experiment"].unique()), list(dict.fromkeys(names))
    figure, axes = style.grid(len(experiments), sharey=True)
    for each, experiment in zip(axes, experiments, strict=True):
        cells = table.assign(variant=names)[table["experiment"] == experiment].set_index("variant").loc[variants]
        places = np.arange(len(variants))[::-1]
        for place, cell in zip(places, cells.itertuples(), strict=True):
            color = LOOKS.get(getattr(cell, "detector", ""), style.NEUTRAL)
            each.plot([cell.low, cell.high], [place, place], color=color, linewidth=1.2, alpha=0.6)
            each.plot(cell.value, place, marker="o", markersize=3, color=color)
        if column == "auroc":
            each.axvline(50, color=style.NEUTRAL, linestyle=style.DOTTED, linewidth=0.8)
            each.set_xlim(0, 103)
        each.set_yticks(places, variants, fontsize=5.5)
    style.entitle(axes, experiments, titles)
    figure.supxlabel(SHOWN[column])
    return figure
