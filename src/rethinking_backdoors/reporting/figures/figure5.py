"""Figure 5: saturation, margins that no longer grow with the number of poisoned examples."""

import numpy as np
from matplotlib.figure import Figure

from rethinking_backdoors.reporting.figures import panels, style

load = panels.strengths


@style.theme()
def draw(strengths: dict[int, dict[str, np.ndarray]], titles: dict[int, str]) -> Figure:
    """Figure 5 of the paper: k-output curves of experiment 2 at alpha = 50 %, or of the first one if there is none.

    Args:
        strengths: experiment -> arrays of its strength.npz (see ``strength.summarize``).
        titles: experiment -> attack and trigger in words.
    """
    return panels.curve_figure(strengths, panels.chosen(strengths, 2), titles)


def say(strengths: dict[int, dict[str, np.ndarray]], titles: dict[int, str]) -> str:
    """What came out."""
    return panels.rises(strengths, panels.chosen(strengths, 2))
