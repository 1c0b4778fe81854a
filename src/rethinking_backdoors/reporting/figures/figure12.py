"""Figure 12 (not the paper's): attack success after each defense

**What to look at.** A row is an experiment, a column a defense; the number is how many of 100 triggered test images of other
classes the retrained networks assign to the target class, mean over seeds. White is an attack that is stopped. The first column
is no defense. Which columns stay white?

**In the paper.** There is no such figure; its Table 6 has the numbers. Its own detector leaves at most 3.6 % in all eight
experiments; activation clustering and SPECTRE leave every attack alive.
"""

from typing import Any

import pandas as pd
import seaborn
from matplotlib.figure import Figure

from rethinking_backdoors.reporting.figures import panels, style
from rethinking_backdoors.reporting.findings import STOPPED


def load(files: Any, settings: Any) -> dict[str, Any]:
    """The arguments of ``draw`` and ``say``."""
    table = pd.read_csv(files.table).query("column == 'asr'").pivot(index="experiment", columns="row", values="value")
    names = list(dict.fromkeys(pd.read_csv(files.table)["row"]))
    return {"success": table.loc[list(settings.experiments), names], "titles": panels.titles(settings)}


@style.theme()
def draw(success: pd.DataFrame, titles: dict[int, str]) -> Figure:
    """A heatmap with its numbers.

    Args:
        success: (experiments, defenses), attack success in percent.
        titles: experiment -> attack and trigger in words.
    """
    figure = style.canvas(style.PAGE_WIDTH, 0.9 + 0.27 * len(success))
    axes = figure.subplots()
    seaborn.heatmap(
        success,
        ax=axes,
        vmin=0,
        vmax=100,
        cmap="Oranges",
        annot=True,
        fmt=".0f",
        linewidths=1,
        cbar=False,
        yticklabels=[f"{number}  {titles[number]}" for number in success.index],
    )
    axes.set(xlabel="", ylabel="")
    axes.tick_params(length=0, labelrotation=0)
    axes.xaxis.tick_top()
    return figure


def say(success: pd.DataFrame, titles: dict[int, str]) -> str:
    """How many attacks each defense stops."""
    stopped = (success.drop(columns="none") <= STOPPED).sum()
    counts = ", ".join(f"{name} {count}" for name, count in stopped.items())
    return f"Of {len(success)} attacks so many are stopped (at most {STOPPED:g} % on average): {counts}."
