"""Figure 8: estimated against measured strength as in Figure 4 for every experiment."""

import numpy as np
from matplotlib.figure import Figure

from rethinking_backdoors.reporting.figures import panels, style

load = panels.strengths


@style.theme()
def draw(strengths: dict[int, dict[str, np.ndarray]], titles: dict[int, str]) -> Figure:
    """Figure 8 of the paper: a panel of estimated against measured strength for each experiment, 2 x 4 for eight.

    Args:
        strengths: experiment -> arrays of its strength.npz (see ``strength.summarize``).
        titles: experiment -> attack and trigger in words.
    """
    return panels.scatter_figure(strengths, sorted(strengths), titles)


def say(strengths: dict[int, dict[str, np.ndarray]], titles: dict[int, str]) -> str:
    """What came out."""
    return panels.agreement(strengths, sorted(strengths))
