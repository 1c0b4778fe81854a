"""Figure 7: the k-output curves of Figure 3 for every experiment."""

from rethinking_backdoors.reporting.figures import panels

load = panels.strengths
draw, say = panels.figure_of(panels.curve_figure, panels.rises)
