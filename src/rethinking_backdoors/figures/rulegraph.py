"""The workflow's graph of rules, from Snakemake's own description of it in the dot language."""

import re
from graphlib import TopologicalSorter
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rethinking_backdoors.figures import style

Graph = dict[str, set[str]]  # rule -> the rules whose files it reads
Place = str | tuple[str, str, int]  # a box, or where an arrow (from, to) crosses a layer
# Inches: what a box and an arrow take up in a layer, the height of a line of text, and between layers.
WIDTH, NARROW, LINE, GAP = 1.5, 0.5, 0.14, 0.4
SWEEPS = 12


def read(dot: str) -> Graph:
    """The graph that ``snakemake --rulegraph dot`` prints, without targets (rules that only name files)."""
    names = dict(re.findall(r'^\s*(\d+)\s*\[label = "(\w+)"', dot, re.MULTILINE))
    graph: Graph = {name: set() for name in names.values()}
    for before, after in re.findall(r"^\s*(\d+) -> (\d+)", dot, re.MULTILINE):
        graph[names[after]].add(names[before])
    graph.pop("all", None)
    return graph


def together(graph: Graph) -> Graph:
    """The graph with rules that have the same neighbours in one box, their names one below the other."""
    after = {name: frozenset(other for other in graph if name in graph[other]) for name in graph}
    boxes: dict[tuple, list[str]] = {}
    for name in graph:
        boxes.setdefault((frozenset(graph[name]), after[name]), []).append(name)
    box = {name: "\n".join(sorted(names, key=natural)) for names in boxes.values() for name in names}
    return {box[name]: {box[other] for other in before} for name, before in graph.items()}


def natural(name: str) -> tuple[str, int]:
    """Sorts figure3 before figure10."""
    return name.rstrip("0123456789"), int(re.search(r"\d*$", name)[0] or 0)


def reduced(graph: Graph) -> Graph:
    """The graph without arrows that follow from others."""
    reach: Graph = {}
    for name in TopologicalSorter(graph).static_order():
        reach[name] = graph[name].union(*(reach[before] for before in graph[name]))
    return {name: {b for b in before if not any(b in reach[o] for o in before)} for name, before in graph.items()}


def layers(graph: Graph) -> tuple[list[list[Place]], list[list[Place]]]:
    """Boxes from top to bottom, each as high as what it reads allows.

    Returns:
        The layers; arrows that cross a layer have a place in it too. And each arrow as the places that it goes through.
    """
    rank: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        rank[name] = 1 + max((rank[before] for before in graph[name]), default=-1)
    found: list[list[Place]] = [[] for _ in range(max(rank.values()) + 1)]
    for name in sorted(rank):
        found[rank[name]].append(name)
    arrows = []
    for after, before in sorted((name, other) for name in graph for other in graph[name]):
        crossed: list[Place] = [(before, after, layer) for layer in range(rank[before] + 1, rank[after])]
        for place in crossed:
            found[place[2]].append(place)
        arrows.append([before, *crossed, after])
    return found, arrows


def positions(found: list[list[Place]], arrows: list[list[Place]]) -> dict[Place, float]:
    """How far right of the middle each place is, in inches: near what it is linked to, so that few arrows cross."""
    links: dict[Place, list[Place]] = {}
    for arrow in arrows:
        for one, other in pairwise(arrow):
            links.setdefault(one, []).append(other)
            links.setdefault(other, []).append(one)
    x = {place: 0.0 for layer in found for place in layer}
    for sweep in range(SWEEPS):
        for layer in found if sweep % 2 == 0 else reversed(found):
            wanted = {
                place: sum(x[other] for other in links.get(place, [place])) / len(links.get(place, [place])) for place in layer
            }
            layer.sort(key=lambda place: (wanted[place], str(place)))
            widths = [WIDTH if isinstance(place, str) else NARROW for place in layer]
            left = -sum(widths) / 2
            for place, width in zip(layer, widths, strict=True):
                x[place] = left + width / 2
                left += width
    return x


@style.theme()
def draw(dot: str) -> Figure:
    """The rules as boxes from top to bottom, joined by arrows from what makes a file to what reads it.

    Args:
        dot: what ``snakemake --rulegraph dot`` prints.
    """
    found, arrows = layers(reduced(together(read(dot))))
    x = positions(found, arrows)
    tall = [max([1, *(place.count("\n") + 1 for place in layer if isinstance(place, str))]) for layer in found]
    y, top = {}, 0.0
    for layer, lines in zip(found, tall, strict=True):
        height = LINE * lines + GAP
        y |= dict.fromkeys(layer, top - height / 2)
        top -= height
    ends = [x[place] for place in x]
    figure = style.canvas(max(ends) - min(ends) + WIDTH, -top)
    axes = figure.subplots()
    axes.set(xlim=(min(ends) - WIDTH / 2, max(ends) + WIDTH / 2), ylim=(top, 0))
    axes.axis("off")
    for arrow in arrows:
        _arrow(axes, [(x[place], y[place]) for place in arrow], LINE * (str(arrow[-1]).count("\n") + 1) / 2 + 0.06)
    box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": style.CLEAN, "linewidth": 0.9}
    for place in (place for layer in found for place in layer if isinstance(place, str)):
        axes.text(x[place], y[place], place, ha="center", va="center", linespacing=1.15, bbox=box, zorder=2)
    return figure


def _arrow(axes: Axes, points: list[tuple[float, float]], above: float) -> None:
    """A line through the points whose head ends so far above the last one."""
    points[-1] = (points[-1][0], points[-1][1] + above)
    axes.plot(*zip(*points[:-1], strict=True), color=style.NEUTRAL, linewidth=0.8, zorder=1)
    look = {"arrowstyle": "-|>", "color": style.NEUTRAL, "linewidth": 0.8, "mutation_scale": 7, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], points[-2], arrowprops=look, zorder=1)
