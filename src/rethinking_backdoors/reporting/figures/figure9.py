"""Figure 9: how much poisoned examples raise each other's margins, against all other pairs."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rethinking_backdoors.io import read_array, read_npz
from rethinking_backdoors.reporting.figures import panels, style
from rethinking_backdoors.reporting.words import experiments, listed

BINS, SHOWN = 100, (0.5, 99.5)  # SHOWN: percentiles of each group between which everything is drawn
BLOCK, SAMPLE = 512, 1000  # rows of W that are read at a time, and that the percentiles are taken from
# From which examples (rows of W) to which (columns), in the order of drawing: color, outline, mark of the mean.
LOOKS = {
    "clean to clean": (style.CLEAN, style.SOLID, "o"),
    "poison to clean": (style.BETWEEN, style.DOTTED, "s"),
    "poison to poison": (style.POISONED, style.SOLID, "^"),
}
Pairs = dict[str, tuple[np.ndarray, np.ndarray]]


def load(files: Any, settings: Any) -> dict[str, Any]:
    """The arguments of ``draw``: every experiment's weight matrix (memory-mapped), and its poisoned examples."""
    weights = {number: read_array(path)[0] for number, path in zip(settings.experiments, files.weights, strict=True)}
    poisons = zip(settings.experiments, files.poison, strict=True)
    poisoned = {number: read_npz(path, "index")["index"] for number, path in poisons}
    return {"weights": weights, "poisoned": poisoned, "titles": panels.titles(settings)}


def blocks(weights: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> Iterator[np.ndarray]:
    """The weights W[rows, columns] without W's diagonal (self-influence), flat, in pieces that fit into memory."""
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        yield weights[part][:, columns][part[:, None] != columns[None]]


def groups(weights: np.ndarray, poisoned: np.ndarray) -> Pairs:
    """Rows and columns of W (n, n) of each group of pairs, given the (p,) indices of the poisoned examples."""
    clean = np.setdiff1d(np.arange(len(weights)), poisoned)
    return {
        "clean to clean": (clean, clean),
        "poison to clean": (poisoned, clean),
        "poison to poison": (poisoned, poisoned),
    }


def limits(weights: np.ndarray, pairs: Pairs) -> tuple[float, float]:
    """The range to draw: the smallest lower and the largest upper percentile (SHOWN) of the groups."""
    ends = []
    for rows, columns in pairs.values():
        some = rows[:: -(-len(rows) // SAMPLE)]
        ends.append(np.percentile(np.concatenate(list(blocks(weights, some, columns))), SHOWN))
    return float(np.min(ends)), float(np.max(ends))


def histogram(weights: np.ndarray, rows: np.ndarray, columns: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, float]:
    """Frequencies (bins,) of one group's weights and their mean.

    The frequencies sum to 1: the outermost bins take what lies beyond them.
    """
    counts, total = np.zeros(len(edges) - 1), 0.0
    for values in blocks(weights, rows, columns):
        counts += np.histogram(values.clip(edges[0], edges[-1]), edges)[0]
        total += values.sum(dtype=np.float64)
    return counts / counts.sum(), total / counts.sum()


def panel(axes: Axes, weights: np.ndarray, poisoned: np.ndarray) -> None:
    """One panel: the three groups' histograms over the same bins, above them a mark at the mean of each."""
    pairs = groups(weights, poisoned)
    edges = np.linspace(*limits(weights, pairs), BINS + 1)
    highest = 0.0
    for number, (name, (color, dashes, mark)) in enumerate(LOOKS.items()):
        heights, mean = histogram(weights, *pairs[name], edges)
        highest = max(highest, heights.max())
        if name != "poison to clean":  # nearly the same as clean to clean, so that two fills would look like one
            axes.stairs(heights, edges, fill=True, color=color, alpha=0.3, linewidth=0)
        axes.stairs(heights, edges, color=color, linestyle=dashes, linewidth=1, label=f"_{name}")
        # One above the other: the means of two groups may be equal.
        place = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        axes.plot([mean], [0.86 + 0.06 * number], mark, markersize=3.2, color=color, label=name, **place)
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.22 * highest))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))


@style.theme()
def draw(weights: dict[int, np.ndarray], poisoned: dict[int, np.ndarray], titles: dict[int, str]) -> Figure:
    """Figure 9 of the paper: histograms of datamodel weights by group of pairs, a panel for each experiment.

    Args:
        weights: experiment -> W (n, n), W[i, j] the effect of training on i on the margin of j, in logits.
        poisoned: experiment -> (p,) indices of the poisoned examples.
        titles: experiment -> attack and trigger in words.
    """
    shown = sorted(weights)
    figure, axes = style.grid(len(shown))
    for each, experiment in zip(axes, shown, strict=True):
        panel(each, weights[experiment], poisoned[experiment])
    style.entitle(axes, shown, titles)
    figure.supxlabel("datamodel weight (logits); the marks above are group means")
    figure.supylabel("frequency in the group")
    style.legend(figure, axes[0], columns=3)
    return figure


def say(weights: dict[int, np.ndarray], poisoned: dict[int, np.ndarray], titles: dict[int, str]) -> str:
    """The mean weight of each group of pairs."""
    means = {number: _means(weights[number], poisoned[number]) for number in sorted(weights)}
    first = [number for number, (clean, between, poison) in means.items() if poison > max(clean, between)]
    parts = {number: f"{poison:+.4f} / {between:+.4f} / {clean:+.4f}" for number, (clean, between, poison) in means.items()}
    return (
        f"Poison-to-poison weights are the largest on average in {experiments(first, means)}. Means of poison to poison / "
        f"poison to clean / clean to clean in logits, {panels.by(parts)}: {listed(parts)}."
    )


def _means(weights: np.ndarray, poisoned: np.ndarray) -> list[float]:
    """Clean to clean, poison to clean, poison to poison."""
    edges = np.array([-1.0, 1.0])
    return [histogram(weights, *group, edges)[1] for group in groups(weights, poisoned).values()]
