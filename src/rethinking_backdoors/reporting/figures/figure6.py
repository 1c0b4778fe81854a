"""Figure 6: the triggers, on training images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torchvision.utils import make_grid

from rethinking_backdoors.attacks.triggers import Trigger, stamp, stamp_test
from rethinking_backdoors.io import read_npz
from rethinking_backdoors.reporting.figures import panels, style
from rethinking_backdoors.reporting.words import listed

# Pixels of an enlarged image and between images; grey between them, because a trigger may be white or black.
SIDE, GAP, GREY = 96, 9, 150
SHOWN = 4  # pairs for a trigger with one variant


@dataclass
class Pair:
    """A clean training image and its poisoned version, both (H, W, C) uint8, the rectangles painted, and a label."""

    clean: np.ndarray
    poisoned: np.ndarray
    rectangles: list[dict]
    label: str


def carriers(clean: np.ndarray, poisoned: np.ndarray, variant: Sequence[dict]) -> np.ndarray:
    """Positions of the poisoned images (p, H, W, C) that carry a variant which their clean originals do not."""
    after, before = ((stamp(images, variant) == images).all((1, 2, 3)) for images in (poisoned, clean))
    return np.flatnonzero(after & ~before)


def single(images: np.ndarray, poisons: dict[int, dict[str, np.ndarray]], variant: list[dict]) -> list[Pair]:
    """SHOWN pairs of a trigger with one variant, spread over its experiments. Arguments as for ``pairs``."""
    found = []
    for number, experiment in enumerate(sorted((sorted(poisons) * SHOWN)[:SHOWN])):
        index, poisoned = poisons[experiment]["index"], poisons[experiment]["image"]
        # Two experiments may poison the same examples: take another position for every pair.
        position = number * len(index) // SHOWN
        found.append(Pair(images[index[position]], poisoned[position], variant, f"Exp. {experiment}"))
    return found


def pairs(images: np.ndarray, poisons: dict[int, dict[str, np.ndarray]], trigger: Trigger) -> list[Pair]:
    """What to show of one trigger: some images, or one of each variant and one with all of them at once.

    Args:
        images: (n, H, W, C) uint8, the clean training set.
        poisons: experiment -> ``index`` (p,) and ``image`` (p, H, W, C), for the experiments with this trigger.
        trigger: its variants.
    """
    if len(trigger) == 1:
        return single(images, poisons, list(trigger[0]))
    index, poisoned = (poisons[min(poisons)][name] for name in ("index", "image"))
    found = []
    for number, variant in enumerate(trigger, 1):
        for position in carriers(images[index], poisoned, variant)[:1]:
            found.append(Pair(images[index[position]], poisoned[position], list(variant), f"variant {number}"))
    last, everything = images[index[-1]], [rectangle for variant in trigger for rectangle in variant]
    return [*found, Pair(last, stamp_test(last[None], trigger)[0], everything, "all, at test time")]


def tile(shown: list[Pair], factor: int) -> np.ndarray:
    """Clean images above, poisoned ones below, each pixel a square of ``factor`` pixels: (height, width, 3) uint8."""
    stack = np.stack([pair.clean for pair in shown] + [pair.poisoned for pair in shown])
    large = torch.from_numpy(stack.repeat(factor, 1).repeat(factor, 2)).permute(0, 3, 1, 2)
    return make_grid(large, nrow=len(shown), padding=GAP, pad_value=GREY).permute(1, 2, 0).numpy()


def panel(axes: Axes, shown: list[Pair]) -> None:
    """One panel: the tiled pairs, an outline round each trigger, "clean" and "poisoned" at the left, labels below."""
    height, width = shown[0].clean.shape[:2]
    factor = max(1, SIDE // height)
    down, right = factor * height + GAP, factor * width + GAP
    axes.imshow(tile(shown, factor), interpolation="nearest")
    for number, pair in enumerate(shown):
        for rectangle in pair.rectangles:
            (top, bottom), (first, last) = rectangle["rows"], rectangle["columns"]
            # One pixel outside, so that the outline hides nothing; imshow's pixel centres are whole numbers.
            corner = GAP - 1.5 + number * right + factor * first, GAP - 1.5 + down + factor * top
            size = factor * (last - first + 1) + 2, factor * (bottom - top + 1) + 2
            axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=style.POISONED, linewidth=0.8))
    axes.set_xticks([GAP + number * right + factor * width / 2 for number in range(len(shown))])
    axes.set_xticklabels([pair.label for pair in shown])
    axes.set_yticks([GAP + number * down + factor * height / 2 for number in range(2)])
    axes.set_yticklabels(["clean", "poisoned"], rotation=90, va="center")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def load(files: Any, settings: Any) -> dict[str, Any]:
    """The arguments of ``draw``: clean training images, poisoned ones, and what the triggers are."""
    poisons = {number: read_npz(path) for number, path in zip(settings.experiments, files.poison, strict=True)}
    return {
        "images": read_npz(files.images, "train_image")["train_image"],
        "poisons": poisons,
        "triggers": {number: settings.triggers[e["trigger"]] for number, e in settings.experiments.items()},
        "titles": panels.titles(settings),
    }


@style.theme()
def draw(
    images: np.ndarray,
    poisons: dict[int, dict[str, np.ndarray]],
    triggers: dict[int, Trigger],
    titles: dict[int, str],
) -> Figure:
    """Figure 6 of the paper: every trigger of the configuration on training images, clean above, poisoned below.

    Args:
        images: (n, H, W, C) uint8, the clean training set of the first seed; C is 1 or 3.
        poisons: experiment -> ``index`` (p,), ``image`` (p, H, W, C) uint8 and ``label`` (p,) of that seed.
        triggers: experiment -> the trigger's variants.
        titles: experiment -> attack and trigger in words; experiments with equal titles and triggers share a panel.
    """
    together: dict[tuple[str, str], list[int]] = {}
    for experiment in sorted(poisons):
        together.setdefault((titles[experiment], repr(triggers[experiment])), []).append(experiment)
    columns, rows = min(2, len(together)), -(-len(together) // 2)
    figure = style.canvas(style.PAGE_WIDTH * columns / 2, 2.25 * rows)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in axes[len(together) :]:
        unused.set_visible(False)
    for each, ((words, _), experiments) in zip(axes, together.items(), strict=False):
        panel(each, pairs(images, {e: poisons[e] for e in experiments}, triggers[experiments[0]]))
        each.set_title(f"Exp. {', '.join(map(str, experiments))}\n{words}")
    return figure


def say(
    images: np.ndarray,
    poisons: dict[int, dict[str, np.ndarray]],
    triggers: dict[int, Trigger],
    titles: dict[int, str],
) -> str:
    """How many pixels differ between a poisoned image and its original, and by how much."""
    parts = {}
    for number, poison in sorted(poisons.items()):
        difference = poison["image"].astype(float) - images[poison["index"]]
        pixels = (difference != 0).any(axis=3).sum((1, 2)).mean()
        length = np.sqrt((difference**2).sum((1, 2, 3))).mean()
        parts[number] = f"{pixels:.1f} / {length:.0f}"
    return (
        "Pixels in which a poisoned image differs from its original / L2 distance between the two on the scale 0..255, means "
        f"{panels.by(parts)}: {listed(parts)}."
    )
