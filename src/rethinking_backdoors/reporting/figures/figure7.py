"""Figure 7: the k-output curves of Figure 3 for every experiment."""

import numpy as np
from matplotlib.figure import Figure

from rethinking_backdoors.reporting.figures import panels, style

load = panels.strengths


@style.theme()
def draw(strengths: dict[int, dict[str, np.ndarray]], titles: dict[int, str]) -> Figure:
    """Figure 7 of the paper: a panel of k-output curves for each experiment, 2 x 4 for eight.

    Args:
        strengths: experiment -> arrays of its strength.npz (see ``strength.summarize``).
        titles: experiment -> attack and trigger in words.
    """
    return panels.curve_figure(strengths, sorted(strengths), titles)


def say(strengths: dict[int, dict[str, np.ndarray]], titles: dict[int, str]) -> str:
    """What came out."""
    return panels.rises(strengths, sorted(strengths))
