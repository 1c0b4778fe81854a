"""Figure 11 (not the paper's): what every defense's scores are worth, beyond the label."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rethinking_backdoors.evaluation.tables import scores_by_defense, truth
from rethinking_backdoors.reporting.figures import panels, style

# Of each seed of an experiment: scores (t,) of the examples labelled as the target class, and which are poisoned (t,).
Seeds = list[tuple[np.ndarray, np.ndarray]]
# Colour, dashes and width. `paper` is wide, so that it shows where `refined` lies on it.
LOOKS = {"paper": (style.CLEAN, style.SOLID, 2.4), "refined": (style.POISONED, style.SOLID, 1.3)}
OTHERS = [(color, dashes, 1.4) for dashes in (style.DASHED, style.DOTTED) for color in (style.BETWEEN, "#CC79A7", style.FIT)]
# Where curves of several seeds are averaged.
GRID = np.linspace(0, 1, 401)


def load(files: Any, settings: Any) -> dict[str, Any]:
    """The arguments of ``draw``. Files are ordered by experiment, seed, and detector or defense."""
    poison, suspicion, detection = iter(files.poison), iter(files.suspicion), iter(files.detection)
    scores: dict[int, dict[str, Seeds]] = {number: {} for number in settings.experiments}
    for number in settings.experiments:
        for images in files.images:
            facts = truth(next(poison), images, settings.target_class[number])
            paths = {name: next(suspicion) for name in settings.suspicious} | {
                detector: next(detection) for detector in settings.detectors
            }
            for name, score in scores_by_defense(paths).items():
                part = score[facts["target"]], facts["poisoned"][facts["target"]]
                scores[number].setdefault(name, []).append(part)
    return {"scores": scores, "titles": panels.titles(settings)}


def roc(seeds: Seeds) -> np.ndarray:
    """The true positive rate (401,) at the false positive rates of GRID, averaged over seeds (vertical averaging)."""
    from sklearn.metrics import roc_curve

    curves = []
    for score, poisoned in seeds:
        false, true, _ = roc_curve(poisoned, score)
        curves.append(np.interp(GRID, false, true))
    return np.mean(curves, axis=0)


def panel(axes: Axes, defenses: dict[str, Seeds], looks: dict[str, tuple]) -> None:
    """One experiment: a curve a defense, and the diagonal that chance gives."""
    axes.plot([0, 100], [0, 100], color=style.NEUTRAL, linewidth=0.7, alpha=0.6)
    for name, seeds in defenses.items():
        color, dashes, width = looks[name]
        rates = 100 * np.concatenate([[[0], [0]], [GRID, roc(seeds)]], axis=1)
        axes.plot(*rates, color=color, linestyle=dashes, linewidth=width, label=name)
    axes.set(xlim=(-1, 100), ylim=(0, 102), xticks=(0, 50, 100), yticks=(0, 50, 100))


@style.theme()
def draw(scores: dict[int, dict[str, Seeds]], titles: dict[int, str]) -> Figure:
    """ROC curves of all defenses that make scores, among the examples labelled as the target class, a panel an experiment.

    Args:
        scores: experiment -> defense -> of each seed scores and which examples are poisoned.
        titles: experiment -> attack and trigger in words.
    """
    names = list(dict.fromkeys(name for defenses in scores.values() for name in defenses))
    others = [name for name in names if name not in LOOKS]
    looks = LOOKS | {name: OTHERS[number % len(OTHERS)] for number, name in enumerate(others)}
    figure, axes = style.grid(len(scores), sharey=True)
    for each, defenses in zip(axes, scores.values(), strict=True):
        panel(each, defenses, looks)
    style.entitle(axes, list(scores), titles)
    figure.supxlabel("clean examples of the target class flagged (percent)")
    figure.supylabel("poisoned examples flagged (percent)")
    style.legend(figure, axes[0], columns=max(1, len(names)))
    return figure
