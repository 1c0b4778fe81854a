"""Figure 4: the datamodel's estimate of the strength against the measured one."""

from rethinking_backdoors.reporting.figures import panels

load = panels.strengths
draw, say = panels.figure_of(panels.scatter_figure, panels.agreement, 8)
