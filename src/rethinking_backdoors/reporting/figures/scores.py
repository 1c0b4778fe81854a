"""The picture of one detection: sorted scores, and the weight matrix in their order."""

import numpy as np
from matplotlib.figure import Figure

from rethinking_backdoors.reporting.figures import style

# Cells a side of the drawn matrix; each is a mean of weights.
CELLS = 300


@style.theme()
def draw(score: np.ndarray, weights: np.ndarray, order: np.ndarray, flagged: int) -> Figure:
    """Left the scores from high to low with the flagged part, right W with rows and columns in that order.

    Args:
        score: (n,), higher is more suspicious. order: (n,) the examples from most to least suspicious.
        weights: W (n, n), rows training examples, columns targets. flagged: how many of the first are flagged.
    """
    n = len(score)
    figure = style.canvas(style.PAGE_WIDTH, 3.1)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
    rank, sorted_score = np.arange(1, n + 1), score[order]
    left.fill_between(rank[:flagged], sorted_score[:flagged], step="mid", color=style.POISONED, alpha=0.85, linewidth=0)
    left.plot(rank, sorted_score, color=style.NEUTRAL, linewidth=0.9)
    left.axvline(flagged, color=style.POISONED, linewidth=0.8, linestyle=style.DOTTED)
    left.set(xlim=(1, n), ylim=(0, None), xlabel="rank of the example", ylabel="score (higher is more suspicious)")
    left.annotate(
        f"{flagged:,} flagged", (flagged, 0.97), (4, 0), ("data", "axes fraction"), "offset points", color=style.POISONED
    )
    cells, limit = blocks(weights, order)
    # Blue and orange, as poisoned and clean elsewhere; white is no effect.
    image = right.imshow(cells, cmap="PuOr_r", vmin=-limit, vmax=limit, extent=(0, n, n, 0), interpolation="nearest")
    for draw_line in (right.axhline, right.axvline):
        draw_line(flagged, color=style.POISONED, linewidth=0.8, linestyle=style.DOTTED)
    right.set(xlabel="target, by rank", ylabel="training example, by rank")
    right.spines[["top", "right"]].set_visible(True)
    figure.colorbar(image, ax=right, shrink=0.9, label="mean weight")
    return figure


def blocks(weights: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, float]:
    """W in the given order, averaged over at most CELLS x CELLS blocks without the diagonal, and the limit of its colours.

    Rows are read a block at a time, so that a memory-mapped W need not fit into memory.
    """
    n = len(order)
    starts = np.unique(np.linspace(0, n, min(n, CELLS), endpoint=False).astype(int))
    lengths = np.diff(np.append(starts, n))
    cells = np.empty((len(starts), len(starts)))
    for row, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        chosen = order[start : start + length]
        block = np.asarray(weights[chosen], dtype=np.float64)
        block[np.arange(length), chosen] = 0
        pairs = lengths * length
        pairs[row] -= length
        cells[row] = np.add.reduceat(block.sum(0)[order], starts) / np.maximum(pairs, 1)
    # The few strongest cells may be far stronger than the rest.
    return cells, float(np.quantile(np.abs(cells), 0.995)) or 1.0
