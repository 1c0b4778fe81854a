"""A scan as one self-contained page: the verdict, the group beside others of its label, and evidence for a person to judge."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from rethinking_backdoors.detection import alarm
from rethinking_backdoors.detection.groups import otsu
from rethinking_backdoors.detection.labels import Settings, counted_labels
from rethinking_backdoors.io import write_text
from rethinking_backdoors.reporting.figures import style
from rethinking_backdoors.reporting.words import render
from rethinking_backdoors.scan.result import Scan

# Pictures of the group, and of its label's others; rows of the table of features.
SHEET, OTHERS = 48, 24


def write(scan: Scan, path: str | Path) -> None:
    """Writes the page, an .html file without links to anything."""
    write_text(path, page(scan))


@style.theme()
def page(scan: Scan) -> str:
    """The page as HTML."""
    found: dict[str, Any] = {"group": [], "others": [], "shared": [], "columns": [], "gains": None, "curve": None}
    pictures = scan.data.values.ndim == 4
    if scan.verdict.rounds:
        one = scan.verdict.rounds[0]
        rest = np.setdiff1d(one.members, scan.members)
        strongest = scan.members[np.argsort(scan.rank[scan.members])][:SHEET]
        others = np.sort(np.random.default_rng(0).choice(rest, min(OTHERS, len(rest)), replace=False))
        found |= {"group": [_example(scan, i) for i in strongest], "others": [_example(scan, i) for i in others]}
        found |= {"gains": _picture(_gains(one, scan.members)), "curve": _picture(_curve(scan))}
        found |= {"shared": [_picture(figure) for figure in _shared(scan)]} if pictures else {"columns": _columns(scan)}
    strip = [_picture(figure) for figure in _strip(scan)] if scan.verdict.first.comparison else []
    ranked = np.argsort(scan.rank)[:SHEET]
    top = [_example(scan, i) for i in ranked] if not scan.verdict.rounds else []
    models = list(zip(scan.plan.fractions, scan.plan.counts(scan.units), strict=True))
    found |= {"models": models, "strip": strip, "pictures": pictures, "top": top}
    return render("scan.html", scan=scan, name=_name(scan), settings=Settings(), **found)


def _name(scan: Scan) -> str:
    return scan.data.class_name(scan.label) if scan.label is not None else ""


def _example(scan: Scan, index: int) -> dict[str, Any]:
    """One example as the page shows it: its number, file, and picture."""
    value = scan.data.values[index]
    data = {"index": int(index), "file": scan.data.files[index] if scan.data.files else "", "picture": ""}
    return data | {"picture": _png(value)} if value.ndim == 3 else data


def _png(pixels: np.ndarray) -> str:
    """An image (H, W, C) uint8 as a data address."""
    target = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(target, "PNG")
    return _address(target.getvalue())


def _picture(figure: Figure | None) -> str | None:
    if figure is None:
        return None
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=200)
    return _address(target.getvalue())


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _strip(scan: Scan) -> Iterator[Figure]:
    """How far each label stands out: the largest G and E over sizes and fractions."""
    first = scan.verdict.first
    assert first.comparison is not None
    labels = counted_labels(scan.data.labels, Settings())
    rows = (("strength (G)", first.comparison.g.max((0, 2))), ("two humps (E)", first.comparison.e.max(0)))
    for title, values in rows:
        figure = style.canvas(3.2, 2.0)
        axes, values = figure.subplots(), np.where(np.isfinite(values), values, 0)
        axes.bar(
            range(len(labels)), values, color=[style.POISONED if x == scan.label else style.CLEAN for x in labels], width=0.7
        )
        shown = range(len(labels)) if len(labels) <= 20 else []
        axes.set_xticks(list(shown), [scan.data.class_name(labels[x]) for x in shown], rotation=45 if scan.data.classes else 0)
        axes.axhline(0, color=style.NEUTRAL, lw=0.6)
        axes.set_title(f"{title}: distance from the other labels")
        axes.set_ylabel("standard deviations")
        yield figure


def _gains(one: alarm.Round, group: np.ndarray) -> Figure:
    """The gains of the label's examples in the first round, and its cut; a later one may have found more of the group."""
    figure = style.canvas(3.2, 2.0)
    axes, cut = figure.subplots(), otsu(one.gain)[1]
    edges = np.linspace(one.gain.min(), one.gain.max(), 41)
    inside = np.isin(one.members, group)
    parts, colors = [one.gain[~inside], one.gain[inside]], [style.CLEAN, style.POISONED]
    axes.hist(parts, edges, stacked=True, color=colors, label=["others", "the group"])
    axes.axvline(cut, color=style.NEUTRAL, lw=0.8, ls=style.DASHED)
    axes.set(xlabel="gain from the group", ylabel="examples")
    axes.legend()
    return figure


def _curve(scan: Scan) -> Figure | None:
    """Margins against the number of group members in the subset (the paper's k-output)."""
    shown = scan.evidence
    if shown is None or len(shown.k) < 2:
        return None
    figure = style.canvas(3.2, 2.0)
    axes = figure.subplots()
    axes.plot(shown.k, shown.inside, color=style.POISONED, label="the group")
    axes.plot(shown.k, shown.outside, color=style.CLEAN, label="others of its label")
    axes.set(xlabel="members of the group in the training subset", ylabel="mean margin")
    axes.legend()
    return figure


def _shared(scan: Scan) -> Iterator[Figure]:
    """Mean of the group, mean of the others, and the difference by pixel in standard deviations."""
    assert scan.evidence is not None
    shape, rest = scan.data.values.shape[1:], np.setdiff1d(scan.verdict.rounds[0].members, scan.members)
    means = [scan.data.values[part].mean(0) / 255 for part in (scan.members, rest)]
    # Of three colours the one that differs most.
    by_pixel = scan.evidence.standardised.reshape(shape)
    by_pixel = np.take_along_axis(by_pixel, np.abs(by_pixel).argmax(2)[..., None], axis=2)
    limit = max(1.0, float(np.abs(by_pixel).max()))
    grey, signed = {"cmap": "gray", "vmin": 0, "vmax": 1}, {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    titles = ("mean of the group", "mean of the label's others", "difference, in deviations")
    for title, values, look in zip(titles, (*means, by_pixel), (grey, grey, signed), strict=True):
        figure = style.canvas(2.5 if look is signed else 2.1, 2.1)
        axes = figure.subplots()
        picture = axes.imshow(values[..., 0] if values.shape[2] == 1 else values, **look)
        axes.set_title(title)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)  # white borders of an image end somewhere
        if look is signed:
            figure.colorbar(picture, ax=axes, shrink=0.8)
        yield figure


def _columns(scan: Scan) -> list[dict[str, Any]]:
    """Where the group differs most, for a table."""
    shown = scan.evidence
    if shown is None:
        return []
    names = scan.data.columns or [f"feature {column}" for column in range(scan.data.values.shape[1])]
    rows = zip(shown.columns, shown.having, shown.others, strict=True)
    return [
        {"name": names[column], "deviations": float(shown.standardised[column]), "having": float(a), "others": float(b)}
        for column, a, b in rows
    ]
