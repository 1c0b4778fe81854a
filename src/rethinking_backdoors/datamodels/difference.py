"""The difference-in-means estimator of datamodel weights."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from rethinking_backdoors.datamodels.backend import Host, backend
from rethinking_backdoors.datamodels.base import Datamodel, centred_blocks
from rethinking_backdoors.datamodels.design import Design
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.margins.arrays import Margins, Masks, mask_columns, matched

CENTRINGS = ("target", "group", "model")
# Targets whose differences are in memory as float32 while W is float16.
_IN_HALF_AT_ONCE = 2048


class DifferenceInMeans(Datamodel):
    """Mean margin of the models trained with an example minus that of the models trained without it.

    For subsets of exact size in a linear world with weights w, ``coef_[i, j]`` estimates ``w[i, j]`` minus the mean of the other
    examples' weights on j, so its columns are nearly centred. Each weight is estimated by itself; as a joint prediction the
    weights are used as if the examples' columns were uncorrelated, which for random subsets they nearly are: ``predict`` returns
    mean margin + (mask - alpha) @ W with alpha the share of models that each example is in, the prediction that is right on
    average. What all subsets of one size have in common, such as a constant in a column of W, cancels in it.

    Args:
        centring: what is subtracted from the margins f before the means are taken. "target": nothing that matters (each
            target's mean over all models, which the difference does not see). "group": from f[model, j] the mean margin of j
            over the models in the same group, those trained with j or those trained without it; this takes out j's effect on
            itself, so that it is no noise in the others' weights, and makes the diagonal of W exactly 0. "model": from
            f[model, j] the mean over the examples of the model's subset if j is in it, else over the examples outside; this
            takes out how good a model is as a whole, on what it was trained on and on the rest. The last two need the targets to
            be the training examples. Predictions, and so fidelity, are then of the centred margins.
        device: a torch device; numpy on the processor if not given.
        storage: of W, "float32", or "float16" for half of the memory; products are then in float32, in half of the time.

    On the processor sums are taken in float64. Those of float16 margins are exact, so that W is the same to the byte whatever
    the order in which a machine's BLAS adds; in float32 the search's ties would fall otherwise on another processor.

    Memory beside the inputs: W, 4 m min(2 n, 16384) bytes (4 m n on a device), and a block of at most 2,048 targets:
    8 (2 m + 2 n) bytes a target (on a device 4,096 and half as many; with W in float16 2,048 and half as many).
    """

    def __init__(self, centring: str = "target", *, device: str | None = None, storage: str = "float32"):
        if centring not in CENTRINGS:
            raise InputError(f"centring must be one of {', '.join(CENTRINGS)}; given: {centring}.")
        if storage not in ("float32", "float16"):
            raise InputError(f"storage must be float32 or float16; given: {storage}.")
        self.centring, self.device, self.storage = centring, device, storage

    def fit(self, masks: Masks, margins: np.ndarray | Sequence[np.ndarray] | Margins) -> Self:
        """See ``Datamodel.fit``."""
        whole = self.storage == "float32"
        margins, at = matched(masks, margins), backend(self.device, np.float64 if whole else np.float32)
        if self.centring != "target" and masks.shape[1] != margins.shape[1]:
            raise InputError(f"centring {self.centring!r} needs margins of the training examples, as many as masks has columns.")
        design = Design(masks, at)
        levels = _model_means(masks, margins) if self.centring == "model" else None
        # The sum over models without i is the total minus the sum over models with i.
        outside = 1 / (design.m - design.inside)[:, None]
        scale = 1 / design.inside[:, None] + outside
        self.coef_ = np.empty((design.n, margins.shape[1]), dtype=self.storage)
        self.intercept_ = np.empty(margins.shape[1])
        exact = self.centring == "target" and isinstance(at, Host) and whole
        for targets, block, mean in centred_blocks(margins, None if whole else _IN_HALF_AT_ONCE, exact):
            if self.centring != "target":
                mean = self._centre(block, mask_columns(masks, targets.start, targets.stop), levels)
            total = block.sum(0, dtype=np.float64)
            difference = at.get(design.sums(at.put(block)))
            difference *= scale
            difference -= outside * total
            self.coef_[:, targets] = difference
            inside = design.mean @ self.coef_[:, targets] if whole else design.mean.astype(np.float32) @ difference
            self.intercept_[targets] = mean + total / design.m - inside
        return self

    def _centre(self, block: np.ndarray, inside: np.ndarray, levels: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
        """Centres margins (m, b) further, in place, given who is in which subset; returns what is now their mean, (b,)."""
        if levels is None:
            with_it = np.einsum("mb,mb->b", block, inside, dtype=np.float64) / inside.sum(0)
            without = -np.einsum("mb,mb->b", block, inside, dtype=np.float64) / (~inside).sum(0)
            block -= np.where(inside, with_it, without)
        else:
            block -= np.where(inside, levels[0][:, None], levels[1][:, None])
            block -= block.mean(0, dtype=np.float64)
        return np.zeros(block.shape[1])


def _model_means(masks: Masks, margins: Margins) -> tuple[np.ndarray, np.ndarray]:
    """For each model the mean of the margins, centred per target, over its own subset and over the rest; (m,) float64 each."""
    total_in, total_out, size = np.zeros(margins.shape[0]), np.zeros(margins.shape[0]), np.zeros(margins.shape[0])
    for targets, block, _ in centred_blocks(margins):
        inside = mask_columns(masks, targets.start, targets.stop)
        part = np.einsum("mb,mb->m", block, inside, dtype=np.float64)
        total_in += part
        total_out += block.sum(1, dtype=np.float64) - part
        size += inside.sum(1)
    return total_in / size, total_out / (margins.shape[1] - size)


def difference_in_means(masks: Masks, margins: np.ndarray | Sequence[np.ndarray] | Margins) -> np.ndarray:
    """W (n, t) of ``DifferenceInMeans``: rows are training examples, columns are targets; arguments and errors as in ``fit``."""
    return DifferenceInMeans().fit(masks, margins).coef_
