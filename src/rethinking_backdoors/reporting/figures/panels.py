"""What several figures share: k-output curves (3, 5, 7) and measured against estimated strength (4, 8)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rethinking_backdoors.config import describe
from rethinking_backdoors.evaluation.metrics import fit_line
from rethinking_backdoors.io import read_npz
from rethinking_backdoors.reporting.figures import style
from rethinking_backdoors.reporting.words import listed

Arrays = dict[str, np.ndarray]


def titles(settings: Any) -> dict[int, str]:
    """Attack and trigger of each experiment in words."""
    return {number: describe(experiment) for number, experiment in settings.experiments.items()}


def strengths(files: Any, settings: Any) -> dict[str, Any]:
    """The arguments of the figures of strength: every experiment's strength.npz."""
    arrays = {number: read_npz(path) for number, path in zip(settings.experiments, files.strength, strict=True)}
    return {"strengths": arrays, "titles": titles(settings)}


def chosen(strengths: dict[int, Arrays], wanted: int | None) -> list[int]:
    """The experiment that the paper shows, or the first one if the configuration lacks it; all of them for None."""
    return sorted(strengths) if wanted is None else [wanted if wanted in strengths else min(strengths)]


def figure_of(drawn: Callable[..., Figure], said: Callable[..., str], wanted: int | None = None) -> tuple[Callable, Callable]:
    """``draw`` and ``say`` of a figure of strengths, of one experiment or of all.

    Both take experiment -> arrays of its strength.npz (see ``strength.summarize``), and experiment -> its words.

    Args:
        drawn: ``curve_figure`` or ``scatter_figure``. said: ``rises`` or ``agreement``. wanted: see ``chosen``.
    """

    @style.theme()
    def draw(strengths: dict[int, Arrays], titles: dict[int, str]) -> Figure:
        return drawn(strengths, chosen(strengths, wanted), titles)

    def say(strengths: dict[int, Arrays], titles: dict[int, str]) -> str:
        return said(strengths, chosen(strengths, wanted))

    return draw, say


def curves(axes: Axes, arrays: Arrays) -> None:
    """One panel of k-output curves g(z, k): single examples thin, group means thick, poisoned dashed, clean solid.

    Args:
        axes: the panel.
        arrays: ``k`` (K,); ``g_example`` (2 shown, K), poisoned ones first; ``g_poisoned``, ``g_clean`` (K,); logits.
    """
    shown = len(arrays["g_example"]) // 2
    groups = (
        ("poisoned", style.POISONED, style.DASHED, arrays["g_example"][:shown], arrays["g_poisoned"]),
        ("clean", style.CLEAN, style.SOLID, arrays["g_example"][shown:], arrays["g_clean"]),
    )
    for name, color, dashes, single, mean in groups:
        look = {"color": color, "linestyle": dashes}
        for number, g in enumerate(single):
            label = f"{name}, single example" if number == 0 else None
            axes.plot(arrays["k"], g, linewidth=0.8, alpha=0.8, label=label, **look)
        axes.plot(arrays["k"], mean, linewidth=2, label=f"{name}, group mean", **look)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, steps=[1, 2, 5, 10]))
    axes.margins(x=0.02)


def scatter(axes: Axes, arrays: Arrays) -> None:
    """One panel of measured strength against datamodel estimate, a point a training example, with a fit to the poisoned.

    Args:
        axes: the panel.
        arrays: ``estimate_half``, ``measured_half`` (n,), in logits per poisoned example, and ``poisoned`` (n,) bool.
    """
    x, y, poisoned = arrays["estimate_half"], arrays["measured_half"], arrays["poisoned"]
    slope, intercept, correlation = fit_line(x[poisoned], y[poisoned])
    slope_all, _, correlation_all = fit_line(x, y)
    ends = np.array([x[poisoned].min(), x[poisoned].max()])  # no further: nothing was fitted there
    look = {"linewidths": 0, "alpha": 0.6, "rasterized": True}
    axes.scatter(x[poisoned], y[poisoned], 8, style.POISONED, marker="^", label="poisoned", zorder=2.1, **look)
    axes.plot(ends, intercept + slope * ends, style.FIT, linestyle=style.DASHED, linewidth=1.3, label="fit to poisoned")
    axes.scatter(x[~poisoned], y[~poisoned], 3, style.CLEAN, marker="o", label="clean", zorder=2, **look)
    # Both axes have the same unit, so perfect estimates lie on the identity.
    identity = {"color": style.NEUTRAL, "linewidth": 0.8, "linestyle": style.DOTTED, "zorder": 1}
    axes.axline((0, 0), slope=1, label="estimate = measured", **identity)
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top + 0.25 * (top - bottom))  # room for the note
    note = f"all / poisoned\nslope {slope_all:.2f} / {slope:.2f}\nr {correlation_all:.2f} / {correlation:.2f}"
    axes.text(0.04, 0.99, note, transform=axes.transAxes, va="top", fontsize=7)
    for axis, most in ((axes.xaxis, 4), (axes.yaxis, 6)):
        axis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]))


def assemble(
    panel: Callable[[Axes, Arrays], None],
    strengths: dict[int, Arrays],
    experiments: list[int],
    titles: dict[int, str],
    sharey: bool,
) -> Figure:
    """A figure with a panel (``curves`` or ``scatter``) for each experiment, and one legend."""
    figure, axes = style.grid(len(experiments), sharey)
    for each, experiment in zip(axes, experiments, strict=True):
        panel(each, strengths[experiment])
    style.entitle(axes, experiments, titles)
    style.legend(figure, axes[0], columns=2 if len(axes) < 3 else 4)
    return figure


def curve_figure(strengths: dict[int, Arrays], experiments: list[int], titles: dict[int, str]) -> Figure:
    """k-output curves of the given experiments (Figures 3, 5 and 7)."""
    figure = assemble(curves, strengths, experiments, titles, sharey=True)
    figure.supxlabel("poisoned examples in the training subset, k")
    figure.supylabel("mean margin (logits)")
    return figure


def scatter_figure(strengths: dict[int, Arrays], experiments: list[int], titles: dict[int, str]) -> Figure:
    """Measured against estimated strength of the given experiments (Figures 4 and 8)."""
    figure = assemble(scatter, strengths, experiments, titles, sharey=False)
    space = " " if len(experiments) > style.COLUMNS else "\n"  # one row of panels is too low for the label
    figure.supxlabel("datamodel estimate (logits per poisoned example)")
    figure.supylabel(f"measured strength{space}(logits per poisoned example)")
    return figure


def rises(strengths: dict[int, Arrays], experiments: Iterable[int]) -> str:
    """Of k-output curves: least-squares slopes of the group means, in logits for each further poisoned example."""
    slopes = {}
    for number in experiments:
        arrays = strengths[number]
        known = np.isfinite(arrays["g_poisoned"]) & np.isfinite(arrays["g_clean"])
        poisoned, clean = (fit_line(arrays["k"][known], arrays[f"g_{group}"][known])[0] for group in ("poisoned", "clean"))
        slopes[number] = f"{poisoned:+.3f} / {clean:+.3f}"
    return (
        "Change of the mean margin of poisoned / clean examples with every further poisoned example in the subset, in logits, "
        f"{by(slopes)}: {listed(slopes)}."
    )


def agreement(strengths: dict[int, Arrays], experiments: Iterable[int]) -> str:
    """Of scatters: slope and correlation of measured on estimated strength."""
    parts = {}
    for number in experiments:
        arrays = strengths[number]
        x, y, poisoned = arrays["estimate_half"], arrays["measured_half"], arrays["poisoned"]
        (slope, _, r), (_, _, everyone) = fit_line(x[poisoned], y[poisoned]), fit_line(x, y)
        parts[number] = f"{slope:.2f} / {r:.2f} / {everyone:.2f}"
    return f"Slope among the poisoned / correlation among the poisoned / among all examples, {by(parts)}: {listed(parts)}."


def by(parts: dict[int, str]) -> str:
    """ "by experiment" or "in experiment 5"."""
    return "by experiment" if len(parts) > 1 else f"in experiment {min(parts)}"
