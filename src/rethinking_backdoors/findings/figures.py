"""What came out, from what the figures are drawn from."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from rethinking_backdoors.figures import figure9
from rethinking_backdoors.figures.panels import chosen
from rethinking_backdoors.findings.tables import experiments, listed
from rethinking_backdoors.metrics import fit_line


def rises(strengths: dict[int, dict[str, np.ndarray]], shown: Iterable[int]) -> str:
    """Figures 3, 5 and 7: least-squares slopes of the group means, in logits for each further poisoned example."""
    slopes = {}
    for number in shown:
        arrays = strengths[number]
        known = np.isfinite(arrays["g_poisoned"]) & np.isfinite(arrays["g_clean"])
        poisoned, clean = (fit_line(arrays["k"][known], arrays[f"g_{group}"][known])[0] for group in ("poisoned", "clean"))
        slopes[number] = f"{poisoned:+.3f} / {clean:+.3f}"
    return (
        "Change of the mean margin of poisoned / clean examples with every further poisoned example in the subset, in logits, "
        f"{_by(slopes)}: {listed(slopes)}."
    )


def agreement(strengths: dict[int, dict[str, np.ndarray]], shown: Iterable[int]) -> str:
    """Figures 4 and 8: slope and correlation of measured on estimated strength."""
    parts = {}
    for number in shown:
        arrays = strengths[number]
        x, y, poisoned = arrays["estimate_half"], arrays["measured_half"], arrays["poisoned"]
        (slope, _, r), (_, _, everyone) = fit_line(x[poisoned], y[poisoned]), fit_line(x, y)
        parts[number] = f"{slope:.2f} / {r:.2f} / {everyone:.2f}"
    return f"Slope among the poisoned / correlation among the poisoned / among all examples, {_by(parts)}: {listed(parts)}."


def pairs(weights: dict[int, np.ndarray], poisoned: dict[int, np.ndarray]) -> str:
    """Figure 9: the mean weight of each group of pairs."""
    means = {number: _means(weights[number], poisoned[number]) for number in sorted(weights)}
    first = [number for number, (clean, between, poison) in means.items() if poison > max(clean, between)]
    parts = {number: f"{poison:+.4f} / {between:+.4f} / {clean:+.4f}" for number, (clean, between, poison) in means.items()}
    return (
        f"Poison-to-poison weights are the largest on average in {experiments(first, means)}. Means of poison to poison / "
        f"poison to clean / clean to clean in logits, {_by(parts)}: {listed(parts)}."
    )


def _means(weights: np.ndarray, poisoned: np.ndarray) -> list[float]:
    """Clean to clean, poison to clean, poison to poison."""
    edges = np.array([-1.0, 1.0])
    return [figure9.histogram(weights, *group, edges)[1] for group in figure9.groups(weights, poisoned).values()]


def changes(images: np.ndarray, poisons: dict[int, dict[str, np.ndarray]]) -> str:
    """Figure 6: how many pixels differ between a poisoned image and its original, and by how much."""
    parts = {}
    for number, poison in sorted(poisons.items()):
        difference = poison["image"].astype(float) - images[poison["index"]]
        pixels = (difference != 0).any(axis=3).sum((1, 2)).mean()
        length = np.sqrt((difference**2).sum((1, 2, 3))).mean()
        parts[number] = f"{pixels:.1f} / {length:.0f}"
    return (
        "Pixels in which a poisoned image differs from its original / L2 distance between the two on the scale 0..255, means "
        f"{_by(parts)}: {listed(parts)}."
    )


def _by(parts: dict[int, str]) -> str:
    return "by experiment" if len(parts) > 1 else f"in experiment {min(parts)}"


def unplanted(table: pd.DataFrame) -> str:
    """Figure 2: what the object and the pattern do, and whether the object is flagged."""
    cells = table.set_index(["part", "row", "column"])["value"]
    counts = [row for row in dict.fromkeys(table.loc[table["part"] == "object", "row"]) if row != "0"]
    most = max(counts, key=int)
    moved, without = (cells["object", most, name] for name in ("assigned", "assigned_without"))
    shares = f"{moved:.1f} % of the test images with it go to its class ({without:.1f} % without it)"
    text = [f"(a) With the object on {most} training images, {shares}."]
    before = cells["natural", "before", "assigned"]
    for row in dict.fromkeys(table.loc[table["part"] == "natural", "row"]):
        if row.startswith("size"):
            size = row.removeprefix("size ")
            after, control = (cells["natural", name, "assigned"] for name in (row, f"control {size}"))
            shares = f"{before:.1f} % before, {control:.1f} % with pieces of other images"
            text.append(f"(b) The pattern at {size} pixels moves {after:.1f} % to its class ({shares}).")
    for rule in ("ours", "refined"):
        area, control = (cells["detection", name, "auroc_within_class"] for name in (rule, f"{rule}, permuted masks"))
        caught = cells["detection", rule, "modified_caught"]
        areas = f"an AUROC of {area:.1f} within the class (control {control:.1f})"
        text.append(f"``{rule}`` has {areas} and removes {caught:.1f} % of the modified images.")
    return " ".join(text)


# From the arrays that a figure is drawn from, by its name. The arguments are those of its ``draw``.
FIGURES: dict[str, Callable[..., str]] = {
    "figure2": lambda table, pictures, names: unplanted(table),
    "figure3": lambda strengths, titles: rises(strengths, chosen(strengths, 5)),
    "figure4": lambda strengths, titles: agreement(strengths, chosen(strengths, 8)),
    "figure5": lambda strengths, titles: rises(strengths, chosen(strengths, 2)),
    "figure6": lambda images, poisons, triggers, titles: changes(images, poisons),
    "figure7": lambda strengths, titles: rises(strengths, sorted(strengths)),
    "figure8": lambda strengths, titles: agreement(strengths, sorted(strengths)),
    "figure9": lambda weights, poisoned, titles: pairs(weights, poisoned),
}
