"""Figure 4: the datamodel's estimate of the strength against the measured one."""

import numpy as np
from matplotlib.figure import Figure

from rethinking_backdoors.reporting.figures import panels, style

load = panels.strengths


@style.theme()
def draw(strengths: dict[int, dict[str, np.ndarray]], titles: dict[int, str]) -> Figure:
    """Figure 4 of the paper: experiment 8, or the first one if there is no experiment 8.

    Args:
        strengths: experiment -> arrays of its strength.npz (see ``strength.summarize``).
        titles: experiment -> attack and trigger in words.
    """
    return panels.scatter_figure(strengths, panels.chosen(strengths, 8), titles)


def say(strengths: dict[int, dict[str, np.ndarray]], titles: dict[int, str]) -> str:
    """What came out."""
    return panels.agreement(strengths, panels.chosen(strengths, 8))
