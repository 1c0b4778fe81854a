"""The LASSO of the datamodels paper: one L1 path a target, the penalty from held-out models, a refit on all."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from rethinking_backdoors.datamodels.backend import Array, Device, Host, backend
from rethinking_backdoors.datamodels.base import Datamodel, centred_blocks
from rethinking_backdoors.datamodels.descent import Descent
from rethinking_backdoors.datamodels.design import Design
from rethinking_backdoors.datamodels.scaling import mask_deviation, standardised_from_raw
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.margins.arrays import Margins, Masks, mask_columns, mask_rows, matched

# A target's path ends after this many penalties in a row that predict no better.
_PATIENCE = 3
# The last penalty of a path as a share of the first, at which all weights are zero.
_SHORTEST = 0.01


class Lasso(Datamodel):
    """L1-penalised regression as in the datamodels paper (Ilyas et al. 2022, section 3 and its appendix on solvers).

    With Z the masks' columns standardised over the models, every target minimises
    |f - intercept - Z w|^2 / (2 m) + penalty |w|_1 (scikit-learn's Lasso on standardised columns). Its penalty is that of a
    path, from the smallest that makes all weights zero down to a hundredth of it, which predicts held-out models best (every
    tenth model; drawn models are alike, so no seed is needed); the weights are then fitted to all models at that penalty.
    Other than ridge, targets are penalised each by itself, as in the paper.

    Args:
        penalties: the penalty of every target (t,) or one for all, in units of the margin and of *standardised* masks; None: from
            the path.
        path: how many penalties a path has.
        tolerance: where a solution is good enough, as a share of the target's largest correlation with a column.
        sweeps: at most so many sweeps over all coordinates (steps on a device) for each penalty.
        device: a torch device, on which all targets of a block are solved together; coordinate descent on the processor
            if not given.
        threads: of the descent.

    Attributes:
        coef_: W in raw units, the effect of adding an example; ``coef_standardised_`` is the same in units of the masks'
            standard deviation ``deviation_`` (n,), as fast_l1 stores weights (half, at alpha = 1/2; see ``scaling``).
        penalty_: (t,) float64, the penalty of each target.
        converged_: whether every solution met the tolerance.

    Memory beside the inputs: W, 4 n^2 bytes for the Gram matrix (8 n^2 on a device; none if 2 m < n), 4 m min(n, 16384) bytes
    (4 m n on a device), 4 n bytes for each held-out model, and a block of at most 4,096 targets: 4 (2 m + 6 n) bytes a target.
    """

    def __init__(
        self,
        penalties: np.ndarray | float | None = None,
        *,
        path: int = 30,
        tolerance: float = 1e-3,
        sweeps: int = 500,
        device: str | None = None,
        threads: int = 1,
    ):
        if penalties is not None and not np.all(np.asarray(penalties) > 0):
            raise InputError("penalties must be above 0.")
        self.penalties, self.path, self.tolerance, self.sweeps = penalties, path, tolerance, sweeps
        self.device, self.threads = device, threads

    def fit(self, masks: Masks, margins: np.ndarray | Sequence[np.ndarray] | Margins) -> Self:
        """See ``Datamodel.fit``; also an InputError if there are fewer than 20 models to choose penalties with."""
        margins, at = matched(masks, margins), backend(self.device)
        self.coef_ = np.zeros((masks.shape[1], margins.shape[1]), dtype=np.float32)
        self.intercept_, self.converged_ = np.empty(margins.shape[1]), True
        if self.penalties is None:
            self._choose(masks, margins, at)
        else:
            self.penalty_ = np.broadcast_to(np.asarray(self.penalties, dtype=np.float64), margins.shape[1:]).copy()
        self._refit(masks, margins, at)
        return self

    @property
    def coef_standardised_(self) -> np.ndarray:
        """``coef_`` in units of the masks' standard deviation, (n, t) float32."""
        return standardised_from_raw(self.coef_, self.deviation_)

    def _choose(self, masks: Masks, margins: Margins, at: Host | Device) -> None:
        """Sets ``penalty_`` and, as starts of the refit, ``coef_`` in standardised units."""
        held = np.arange(masks.shape[0]) % 10 == 9
        if held.sum() < 2:
            raise InputError(
                f"the penalties are chosen with a tenth of the models: at least 20 are needed, not {masks.shape[0]}."
            )
        design = Design(mask_rows(masks, ~held), at, self.threads)
        deviation = np.sqrt(design.mean * (1 - design.mean))
        solver = self._solver(design, deviation, at)
        tests = at.put(_standardised(mask_rows(masks, held), design.mean, deviation))
        self.penalty_ = np.empty(margins.shape[1])
        known, unknown = Margins(margins, ~held), Margins(margins, held)
        shares = np.geomspace(1, _SHORTEST, self.path)[:, None]
        for targets, block, mean in centred_blocks(known):
            linear = self._linear(design, deviation, block, at)
            penalties = (shares * np.abs(at.get(linear)).max(0)).astype(np.float32)
            truth = at.put(unknown.block(targets.start, targets.stop) - mean)
            weights, chosen, done = solver.path(linear, penalties, tests, truth, _PATIENCE)
            self.coef_[:, targets] = at.get(weights)
            self.penalty_[targets] = penalties[chosen, np.arange(len(chosen))]
            self.converged_ &= done

    def _refit(self, masks: Masks, margins: Margins, at: Host | Device) -> None:
        design = Design(masks, at, self.threads)
        self.deviation_ = mask_deviation(masks)
        solver = self._solver(design, self.deviation_, at)
        for targets, block, mean in centred_blocks(margins):
            linear = self._linear(design, self.deviation_, block, at)
            penalty, start = self.penalty_[targets].astype(np.float32), np.ascontiguousarray(self.coef_[:, targets])
            weights, done = solver.solve(linear, at.put(penalty), at.put(start))
            self.coef_[:, targets] = at.get(weights) / self.deviation_[:, None]
            self.intercept_[targets] = mean - design.mean @ self.coef_[:, targets]
            self.converged_ &= done

    def _solver(self, design: Design, deviation: np.ndarray, at: Host | Device) -> Any:
        """What solves blocks of targets, with Z'Z / m: a ``Descent`` on the host, a ``Proximal`` on a device."""
        if not isinstance(at, Host) and 2 * design.m < design.n:
            from rethinking_backdoors.datamodels.proximal import Proximal, Standardised  # only here: it needs torch

            return Proximal(Standardised(design, deviation, at), self.tolerance, self.sweeps, at)
        square = design.gram("examples")
        scale = at.put(1 / (deviation * np.sqrt(design.m)))
        square *= scale
        square *= scale[:, None]
        square.reshape(-1)[:: design.n + 1] = 1
        if isinstance(at, Host):
            return Descent(square, self.tolerance, self.sweeps, self.threads)
        from rethinking_backdoors.datamodels.proximal import Proximal

        return Proximal(square, self.tolerance, self.sweeps, at)

    def _linear(self, design: Design, deviation: np.ndarray, block: np.ndarray, at: Host | Device) -> Array:
        """Z'f / m, (n, b)."""
        return design.sums(at.put(block)) * at.put(1 / (deviation * design.m))[:, None]


def _standardised(masks: Masks, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Masks (v, n) as columns (n, v) float32, standardised with other models' mean and deviation."""
    columns = mask_columns(masks, 0, masks.shape[1]).T.astype(np.float32)
    columns -= mean.astype(np.float32)[:, None]
    columns /= deviation.astype(np.float32)[:, None]
    return columns
