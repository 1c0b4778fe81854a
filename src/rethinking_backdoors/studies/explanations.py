"""Why things come out as they do: what lifts a control, which part of the LASSO loses the poison, who profits from more models,
which law a margin follows. All of these look at the truth; nothing is chosen by them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rethinking_backdoors.datamodels import Lasso, Margins, difference_in_means
from rethinking_backdoors.detection.control import cross_fitted
from rethinking_backdoors.detection.scores import detect
from rethinking_backdoors.margins.arrays import mask_rows, matched, moments
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.strength import k_output
from rethinking_backdoors.studies.setting import Row, Setting

Detectors = dict[str, dict[str, Any]]
# How near a common penalty comes to the share of zeros that it is to have, and how many are tried.
_CLOSE, _TRIED = 0.005, 8


def spread_of_margins(setting: Setting, *, detectors: Detectors) -> Iterator[Row]:
    """What lifts detection on permuted masks above chance: targets of larger spread, whose noise the search follows.

    On permuted masks, as they are and with every target's margins divided by their standard deviation; judged on the models that
    the sets were found on, and on others. ``spread``: the standard deviation of poisoned margins over that of clean ones.
    """
    margins = matched(setting.masks, setting.margins)
    _, deviation = moments(margins)
    spread = float(deviation[setting.poisoned].mean() / deviation[~setting.poisoned].mean())
    order = generator(setting.root, "permuted masks", 0).permutation(setting.masks.shape[0])
    masks = mask_rows(setting.masks, order)
    for scaled in ("as they are", "of equal spread"):
        values = margins if scaled == "as they are" else Margins([margins.block(0, margins.shape[1]) / deviation])
        weights = difference_in_means(masks, values)
        crossed = cross_fitted(masks, values, difference_in_means, detectors, 0, setting.root)
        for name, detector in detectors.items():
            row = {"margins": scaled, "detector": name, "spread": spread}
            yield row | {"judged": "same models"} | setting.judge(detect(weights, detector, setting.root)["score"])
            either = [setting.judge(score) for score in crossed[name]["score"]]
            yield row | {"judged": "other models"} | {key: float(np.mean([one[key] for one in either])) for key in either[0]}


def lasso_penalties(setting: Setting, *, detectors: Detectors) -> Iterator[Row]:
    """The paper's own pair, LASSO and eq. 7, and which part of the LASSO matters: a penalty for each target, or zeros.

    ``own``: each target's penalty by held-out models, as published. ``common``: the median of these for all. ``as sparse``: one
    penalty for all that leaves as many zeros as ``own`` does. ``zeros``: percent of the weights.
    """
    own = Lasso().fit(setting.masks, setting.margins)
    middle = float(np.median(own.penalty_))
    fits = {"own": own.coef_, "common": Lasso(middle).fit(setting.masks, setting.margins).coef_}
    fits["as sparse"] = _as_sparse(setting, _zeros(own.coef_), middle)
    for penalty, weights in fits.items():
        for name, detector in detectors.items():
            row = {"penalty": penalty, "detector": name, "zeros": 100 * _zeros(weights)}
            yield row | setting.judge(detect(weights, detector, setting.root)["score"])


def _zeros(weights: np.ndarray) -> float:
    return float((weights == 0).mean())


def _as_sparse(setting: Setting, zeros: float, penalty: float) -> np.ndarray:
    """W by one penalty for all targets that leaves such a share of zeros, by bisection of its logarithm."""
    low, high, weights = np.log(penalty) - 3, np.log(penalty) + 3, np.empty(0)
    for _ in range(_TRIED):
        middle = (low + high) / 2
        weights = Lasso(float(np.exp(middle))).fit(setting.masks, setting.margins).coef_
        if abs(_zeros(weights) - zeros) < _CLOSE:
            break
        low, high = (middle, high) if _zeros(weights) < zeros else (low, middle)
    return weights


def convergence(setting: Setting, *, models: list[int], detectors: Detectors) -> Iterator[Row]:
    """Does a detector find more, the more models there are? Differences in means of the first so many models."""
    for count in models:
        chosen = slice(count)
        margins = Margins(setting.margins, np.arange(setting.masks.shape[0]) < count)
        weights = difference_in_means(mask_rows(setting.masks, chosen), margins)
        for name, detector in detectors.items():
            yield {"models": count, "detector": name} | setting.judge(detect(weights, detector, setting.root)["score"])


def laws_of_margins(setting: Setting) -> Iterator[Row]:
    """How the poisoned margin grows with the number k of poisoned examples: as a line, or as a + b ln k (strength about 1 / k).

    Both are fitted to every other k and judged on the others. ``unexplained``: the squared error there, in percent of the
    variance there.
    """
    support = np.flatnonzero(setting.poisoned)
    k, g, _ = k_output(setting.masks, setting.margins, support, support)
    curve, known = g.mean(0), np.arange(len(k)) % 2 == 0
    for law, x in (("line", k.astype(float)), ("logarithm", np.log(k))):
        fit = np.polynomial.Polynomial.fit(x[known], curve[known], 1)
        error, spread = curve[~known] - fit(x[~known]), curve[~known] - curve[~known].mean()
        yield {"law": law, "unexplained": float(100 * (error @ error) / (spread @ spread))}
