"""Figure 2: features that nobody planted, in pictures and numbers."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from rethinking_backdoors.data import class_names
from rethinking_backdoors.io import read_json, read_npz
from rethinking_backdoors.reporting.figures import style

Arrays = dict[str, np.ndarray]
MOVED = style.POISONED


def strip(place: SubFigure, rows: list[tuple[str, list[tuple[np.ndarray, str, bool]]]]) -> None:
    """Rows of images, each image with a line below it, in colour where it was moved to the class.

    Args:
        rows: what stands at the left of a row, and its images (H, W, C) uint8 with a text and whether it is coloured.
    """
    grid = place.subplots(len(rows), max(len(images) for _, images in rows), squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    for (name, images), line in zip(rows, grid, strict=True):
        line[0].text(-0.12, 0.5, name, transform=line[0].transAxes, rotation=90, ha="right", va="center", fontsize=7)
        for axes, (image, text, colored) in zip(line, images, strict=False):
            shown = image if image.shape[2] == 3 else image.repeat(3, axis=2)
            axes.imshow(shown, interpolation="nearest")
            axes.set_title(text, y=-0.02, va="top", fontsize=6.5, pad=0, color=MOVED if colored else "black")


def _tested(pictures: Arrays, names: list[str], target: str, keys: list[tuple[str, str, str]]) -> list:
    """Rows of ``strip``: each key is what stands at the left, the images, and the classes that are assigned to them."""
    rows = []
    for words, images, classes in keys:
        assigned = [names[number] for number in pictures[classes]]
        rows.append((words, [(i, n, n == target) for i, n in zip(pictures[images], assigned, strict=True)]))
    return rows


def _cells(table: pd.DataFrame, part: str, column: str) -> pd.DataFrame:
    return table[(table["part"] == part) & (table["column"] == column)].set_index("row")[["value", "low", "high"]]


def curve(axes: Axes, table: pd.DataFrame, detected: int) -> None:
    """Share assigned to the class against the number of modified training images, with and without the object."""
    looks = {"assigned": (MOVED, style.SOLID, "with the object"), "assigned_without": (style.CLEAN, style.DASHED, "without")}
    for column, (color, dashes, label) in looks.items():
        cells = _cells(table, "object", column)
        counts = cells.index.astype(int)
        axes.plot(counts, cells["value"], color=color, linestyle=dashes, marker="o", markersize=2.5, linewidth=1.2, label=label)
        axes.fill_between(counts, cells["low"], cells["high"], color=color, alpha=0.15, linewidth=0)
    axes.axvline(detected, ymax=0.6, color=style.NEUTRAL, linestyle=style.DOTTED, linewidth=0.9, label="detection, right")
    axes.set_xlabel("modified training images")
    axes.set_ylabel("assigned to the class (%)")
    axes.set_ylim(0, 1.6 * _cells(table, "object", "assigned")["value"].max())
    axes.legend(loc="upper left", handlelength=1.6)


def bars(axes: Axes, groups: list[str], series: list[tuple[str, str, pd.DataFrame]]) -> None:
    """Bars with intervals, side by side in each group.

    Args:
        series: label, colour, and a frame with value, low and high for each group (NaN where there is none).
    """
    width = 0.8 / len(series)
    for number, (label, color, cells) in enumerate(series):
        at = np.arange(len(groups)) + (number - (len(series) - 1) / 2) * width
        value = cells["value"].to_numpy()
        error = np.abs(cells[["low", "high"]].to_numpy().T - value)
        axes.bar(at, value, 0.92 * width, color=color, label=label)
        axes.errorbar(at, value, error, fmt="none", ecolor="#333333", elinewidth=0.8, capsize=1.5)
    axes.set_xticks(np.arange(len(groups)), groups)
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(0, 145)  # room for the legend
    axes.set_yticks(range(0, 101, 20))


def natural(axes: Axes, table: pd.DataFrame, sizes: list[str]) -> None:
    """Share assigned to the class before, with the pattern, and with pieces of other images in its place."""
    cells, groups = _cells(table, "natural", "assigned"), ["before", *(f"{size} pixels" for size in sizes)]
    pattern = cells.loc[["before", *(f"size {size}" for size in sizes)]]
    control = cells.reindex(["none", *(f"control {size}" for size in sizes)])
    bars(axes, groups, [("pattern", MOVED, pattern), ("other pieces", style.CLEAN, control)])
    axes.set_ylabel("assigned to the class (%)")
    axes.legend(loc="upper left")
    axes.patches[0].set_color(style.NEUTRAL)  # before: neither


def detection(axes: Axes, table: pd.DataFrame, removed: float) -> None:
    """AUROC within the class, and the share of the modified images that is removed, of detectors, controls and oracle."""
    rows = [row for row in dict.fromkeys(table.loc[table["part"] == "detection", "row"]) if "," not in row]
    measures = {"auroc_within_class": ("AUROC in the class", 50), "modified_caught": ("modified removed", 100 * removed)}
    real, crossed, permuted = [], [], []
    for number, (column, (words, chance)) in enumerate(measures.items()):
        cells, first = _cells(table, "detection", column), number * len(rows)
        real.append(cells.loc[rows])
        crossed.append(cells.reindex([f"{row}, cross-fitted" for row in rows]))
        permuted.append(cells.reindex([f"{row}, permuted masks" for row in rows]))
        ends = first - 0.5, first + len(rows) - 0.5
        axes.hlines(
            chance, *ends, color=style.NEUTRAL, linestyle=style.DOTTED, linewidth=0.9, label="chance" if first else "_nolegend_"
        )
        axes.text(sum(ends) / 2, -0.19, words, transform=axes.get_xaxis_transform(), ha="center", va="center", fontsize=7)
    looks = (("scores", MOVED, real), ("cross-fitted", style.BETWEEN, crossed), ("permuted", style.CLEAN, permuted))
    bars(axes, rows * 2, [(label, color, pd.concat(cells)) for label, color, cells in looks])
    axes.tick_params(axis="x", labelsize=6)
    axes.set_ylabel("percent")
    axes.legend(loc="upper center", ncols=2, columnspacing=1, handlelength=1.4)


def load(files: Any, settings: Any) -> dict[str, Any]:
    """The arguments of ``draw``: the table, the pictures of the first seed, and what the classes are called."""
    names = class_names(read_json(files.source))
    return {"table": pd.read_csv(files.table), "pictures": read_npz(files.pictures), "names": names}


@style.theme()
def draw(table: pd.DataFrame, pictures: Arrays, names: list[str]) -> Figure:
    """Figure 2 of the paper with numbers: an object as trigger, a natural pattern, and whether detection flags the object.

    Args:
        table: the lines of ``plausible.table``.
        pictures: of ``plausible.object_effect`` and ``plausible.natural_effect``, "object_" and "natural_" before their names,
            and ``object_class``, ``natural_class``, ``detected``, ``removed``, each a number.
        names: of the classes.
    """
    planted, found = (names[int(pictures[f"{part}_class"])] for part in ("object", "natural"))
    sizes = [name.removeprefix("natural_after_") for name in pictures if name.startswith("natural_after_")]
    figure = style.canvas(style.PAGE_WIDTH, 4.9)
    above, below = figure.subfigures(2, 1, height_ratios=[1.45, 1])  # pyright: ignore[reportGeneralTypeIssues]
    left, right = above.subfigures(1, 2)  # pyright: ignore[reportGeneralTypeIssues]
    left.suptitle(f"(a) an object on training images of \u201c{planted}\u201d", fontsize=8)
    trained = ("training", [(image, planted, False) for image in pictures["object_trained"]])
    keys = [
        ("test, before", "object_before", "object_predicted_before"),
        ("with object", "object_after", "object_predicted_after"),
    ]
    strip(left, [trained, *_tested(pictures, names, planted, keys)])
    right.suptitle(f"(b) a piece of one \u201c{found}\u201d; nothing planted", fontsize=8)
    keys = [("test, before", "natural_before", "natural_predicted_before")]
    keys += [(f"{size} pixels", f"natural_after_{size}", f"natural_predicted_after_{size}") for size in sizes]
    strip(right, _tested(pictures, names, found, keys))
    one, two, three = below.subplots(1, 3, width_ratios=[1, 0.9, 1.5])
    curve(one, table, int(pictures["detected"]))
    natural(two, table, sizes)
    detection(three, table, float(pictures["removed"]))
    for axes, title in ((one, "(a) the object"), (two, "(b) the pattern"), (three, "(a) is it flagged?")):
        axes.set_title(title)
    return figure


def say(table: pd.DataFrame, pictures: Arrays, names: list[str]) -> str:
    """What the object and the pattern do, and whether the object is flagged."""
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
    for detector in ("paper", "refined"):
        parts = ("", ", cross-fitted", ", permuted masks")
        area, crossed, control = (cells["detection", f"{detector}{part}", "auroc_within_class"] for part in parts)
        caught = cells["detection", detector, "modified_caught"]
        areas = f"an AUROC of {area:.1f} within the class (cross-fitted {crossed:.1f}, on permuted masks {control:.1f})"
        text.append(f"``{detector}`` has {areas} and removes {caught:.1f} % of the modified images.")
    return " ".join(text)
