"""Figure 5: saturation, margins that no longer grow with the number of poisoned examples."""

from rethinking_backdoors.reporting.figures import panels

load = panels.strengths
draw, say = panels.figure_of(panels.curve_figure, panels.rises, 2)
