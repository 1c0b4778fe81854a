"""Figure 3: margins grow with the number of poisoned examples in the training subset."""

from rethinking_backdoors.reporting.figures import panels

load = panels.strengths
draw, say = panels.figure_of(panels.curve_figure, panels.rises, 5)
