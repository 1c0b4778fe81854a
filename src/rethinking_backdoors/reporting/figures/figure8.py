"""Figure 8: estimated against measured strength as in Figure 4 for every experiment."""

from rethinking_backdoors.reporting.figures import panels

load = panels.strengths
draw, say = panels.figure_of(panels.scatter_figure, panels.agreement)
