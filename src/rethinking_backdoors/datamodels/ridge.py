"""Ridge regression of the margins on the masks, in closed form."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from rethinking_backdoors.datamodels.backend import Array, Device, Host, backend
from rethinking_backdoors.datamodels.base import Datamodel, centred_blocks
from rethinking_backdoors.datamodels.design import Design
from rethinking_backdoors.datamodels.spectrum import Spectrum, along_left, lanczos
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.margins.arrays import Margins, Masks, matched
from rethinking_backdoors.seeds import generator

# Up to this size of the Gram matrix its eigenvalues are computed; above, 24 + 8 random vectors stand for all targets and for the
# trace, because an eigendecomposition costs as much as fifty matrix products.
_EXACT = 1024
_TARGET_VECTORS, _TRACE_VECTORS, _STEPS = 24, 8, 24


class Ridge(Datamodel):
    """Minimises |f - intercept - masks w|^2 + penalty |w|^2 for every target, f its margins over the models.

    Solved through the smaller of the two Gram matrices, (n, n) or (m, m). One penalty serves all targets, so that the columns
    of W are shrunk alike: the search adds entries of different columns and would otherwise prefer the less shrunk. If it
    is not given it minimises generalised cross-validation summed over targets (see ``spectrum``), exactly where the smaller of m
    and n is at most 1,024. Above, the sums over targets and over eigenvalues are estimated from random mixtures of all targets
    and random vectors, drawn from ``seed``; the fit itself is exact for the penalty so chosen.

    Args:
        penalty: in units of models (scikit-learn's Ridge calls it alpha); None: by generalised cross-validation.
        device: a torch device; numpy on the processor if not given.
        threads: for what BLAS does not do.
        seed: of the random vectors.

    Attributes:
        penalty_: the penalty used.

    Memory beside the inputs: W, 4 m min(n, 16384) bytes (4 m n on a device), 4 min(m, n)^2 bytes for the Gram matrix, and a block
    of at most 4,096 targets: 4 (2 m + 2 n) bytes a target; while the penalty is chosen 130 min(m, n) numbers more. On the host a
    Gram matrix over examples needs their bits once more, m n / 8 bytes.
    """

    def __init__(self, penalty: float | None = None, *, device: str | None = None, threads: int = 1, seed: int = 0):
        if penalty is not None and not penalty > 0:
            raise InputError(f"penalty must be above 0; given: {penalty}.")
        self.penalty, self.device, self.threads, self.seed = penalty, device, threads, seed

    def fit(self, masks: Masks, margins: np.ndarray | Sequence[np.ndarray] | Margins) -> Self:
        """See ``Datamodel.fit``."""
        margins, at = matched(masks, margins), backend(self.device)
        design = Design(masks, at, self.threads)
        over = "examples" if design.n <= design.m else "models"
        square = design.gram(over)
        self.penalty_ = self.penalty or self._spectrum(design, over, square, margins, at).best()
        square.reshape(-1)[:: len(square) + 1] += self.penalty_
        factor = at.factor(square)
        self.coef_ = np.empty((design.n, margins.shape[1]), dtype=np.float32)
        self.intercept_ = np.empty(margins.shape[1])
        for targets, block, mean in centred_blocks(margins):
            # (Xc'Xc + penalty)^-1 Xc' = Xc' (Xc Xc' + penalty)^-1; blocks are centred, so X' does for Xc'.
            right = at.put(block)
            solved = at.solve(factor, design.sums(right)) if over == "examples" else design.sums(at.solve(factor, right))
            self.coef_[:, targets] = at.get(solved)
            self.intercept_[targets] = mean - design.mean @ self.coef_[:, targets]
        return self

    def _spectrum(self, design: Design, over: str, square: Array, margins: Margins, at: Host | Device) -> Spectrum:
        if len(square) <= _EXACT:
            return _exact(design, over, at.get(square), margins, at)
        return _sampled(design, over, square, margins, at, generator(self.seed, "generalised cross-validation"))


def _exact(design: Design, over: str, square: np.ndarray, margins: Margins, at: Host | Device) -> Spectrum:
    """The spectrum by an eigendecomposition, on the host and in double precision; one pass over the margins."""
    value, vectors = np.linalg.eigh(square.astype(np.float64))
    energy, total = np.zeros(len(value)), 0.0
    for _, block, _ in centred_blocks(margins):
        right = at.get(design.sums(at.put(block))) if over == "examples" else block
        energy += ((vectors.T @ right) ** 2).sum(1)
        total += float((block.astype(np.float64) ** 2).sum())
    value = np.maximum(value, 0)
    energy = along_left(value, energy) if over == "examples" else energy
    return Spectrum(value, np.ones(len(value)), energy, total, design.m)


def _sampled(design: Design, over: str, square: Array, margins: Margins, at: Host | Device, rng: np.random.Generator) -> Spectrum:
    """The spectrum by quadrature. With r of random signs the mean of |A r|^2 is |A|^2, so that random mixtures Fc r of all
    targets stand for their sum (Hutchinson 1990); likewise random signs for the trace."""
    signs = rng.choice(np.array([-1, 1], dtype=np.float32), (margins.shape[1], _TARGET_VECTORS))
    mixtures = np.zeros((design.m, _TARGET_VECTORS), dtype=np.float32)
    for targets, block, _ in centred_blocks(margins):
        mixtures += block @ signs[targets]
    start = at.put(mixtures)
    value, energy = lanczos(square, design.sums(start) if over == "examples" else start, _STEPS)
    value = np.maximum(value, 0)
    energy = along_left(value, energy) if over == "examples" else energy
    # Centring makes one eigenvalue 0 (over models always, over examples where subsets have one size): the others share the trace.
    probes = rng.choice(np.array([-1, 1], dtype=np.float32), (len(square), _TRACE_VECTORS))
    nodes, count = lanczos(square, at.put(probes - probes.mean(0)), _STEPS)
    count *= (len(square) - 1) / count.sum()
    return Spectrum(
        np.concatenate([value.ravel(), np.maximum(nodes.ravel(), 0)]),
        np.concatenate([np.zeros(value.size), count.ravel()]),
        np.concatenate([energy.ravel(), np.zeros(nodes.size)]) / _TARGET_VECTORS,
        float((mixtures.astype(np.float64) ** 2).sum()) / _TARGET_VECTORS,
        design.m,
    )
