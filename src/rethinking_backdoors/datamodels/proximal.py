"""The LASSO of many targets at once by accelerated proximal gradient steps, for devices on which a large product is cheap.

FISTA (Beck and Teboulle 2009) with the gradient restart of O'Donoghue and Candes (2015), every target with its own momentum.
Every step is one product of C = Z'Z / m (n, n) with the block of targets, or two with the masks where there are few models; then
C is never formed. The problem is that of ``descent``.
"""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch

from rethinking_backdoors.datamodels.backend import Device
from rethinking_backdoors.datamodels.design import Design
from rethinking_backdoors.datamodels.spectrum import lanczos


class Standardised:
    """C = Z'Z / m as what it does to columns (n, b), with Z the masks standardised by ``deviation`` (n,). On a device only."""

    def __init__(self, design: Design, deviation: np.ndarray, at: Device):
        self._design = design
        self._scale = at.put(1 / (deviation * np.sqrt(design.m)))[:, None]
        self._mean = at.put(design.mean)

    def __len__(self) -> int:
        return self._design.n

    def __matmul__(self, columns: torch.Tensor) -> torch.Tensor:
        scaled = self._scale * columns
        # What is left after the mean has no mean over models, so that X' does for Xc'.
        return self._scale * self._design.sums(self._design.predictions(scaled) - self._mean @ scaled)


class Proximal:
    """Solves one block of targets on a torch device, all targets together; the methods are those of ``descent.Descent``.

    Args:
        square: C.
    """

    def __init__(self, square: torch.Tensor | Standardised, tolerance: float, steps: int, at: Device):
        self.square, self.tolerance, self.steps, self.at = square, tolerance, steps, at
        rng = np.random.default_rng(0)
        start = at.put(rng.standard_normal((len(square), 4)))
        # Lanczos' largest node comes close to the largest eigenvalue from below.
        self.curvature = 1.05 * float(lanczos(square, start, 30)[0].max())

    def path(
        self, linear: torch.Tensor, penalties: np.ndarray, held: torch.Tensor, truth: torch.Tensor, patience: int
    ) -> tuple[torch.Tensor, np.ndarray, bool]:
        """See ``Descent.path``; targets whose path has ended leave the block."""
        with _fast_products():
            return self._path(linear, penalties, held, truth, patience)

    def _path(
        self, linear: torch.Tensor, penalties: np.ndarray, held: torch.Tensor, truth: torch.Tensor, patience: int
    ) -> tuple[torch.Tensor, np.ndarray, bool]:
        best, weights, converged = torch.zeros_like(linear), torch.zeros_like(linear), True
        lowest = torch.full((linear.shape[1],), torch.inf, device=linear.device)
        chosen, since = torch.zeros_like(lowest, dtype=torch.int64), torch.zeros_like(lowest, dtype=torch.int64)
        alive = torch.arange(linear.shape[1], device=linear.device)
        for k, penalty in enumerate(self.at.put(penalties)):
            weights, done = self.solve(linear[:, alive], penalty[alive], weights)
            converged &= done
            error = (truth[:, alive] - held.T @ weights).square().sum(0)
            better = error < lowest[alive]
            won = alive[better]
            lowest[won], chosen[won], best[:, won] = error[better], k, weights[:, better]
            since[alive] += 1
            since[won] = 0
            stays = since[alive] < patience
            alive, weights = alive[stays], weights[:, stays]
            if not len(alive):
                break
        return best, chosen.cpu().numpy(), converged

    def solve(self, linear: torch.Tensor, penalty: torch.Tensor, start: torch.Tensor) -> tuple[torch.Tensor, bool]:
        """See ``Descent.solve``. Converged is a target whose prox-gradient step is below the tolerance in every coordinate."""
        tolerance = self.tolerance * linear.abs().amax(0)
        weights, ahead = start.clone(), start
        momentum = torch.ones_like(penalty)
        for _ in range(self.steps):
            new = ahead + (linear - self.square @ ahead) / self.curvature
            new = _shrink(new, penalty / self.curvature)
            step, change = ahead - new, new - weights
            if bool((self.curvature * step.abs().amax(0) <= tolerance).all()):
                return new, True
            momentum = torch.where((step * change).sum(0) > 0, 1.0, momentum)
            following = (1 + (1 + 4 * momentum**2).sqrt()) / 2
            ahead = new + (momentum - 1) / following * change
            weights, momentum = new, following
        return weights, False


@contextlib.contextmanager
def _fast_products() -> Iterator[None]:
    """Lets a GPU multiply with eleven significant bits (TF32): enough to choose a penalty with, and several times as fast."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _shrink(values: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """Soft thresholding, one threshold a column."""
    return values.sign() * (values.abs() - threshold).clamp_(min=0)
