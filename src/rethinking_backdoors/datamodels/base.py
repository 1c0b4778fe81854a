"""What all estimators share: how weights are kept, and what they predict."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.margins.arrays import Margins, Masks, mask_columns

# Targets whose margins are in memory at a time, as float32.
_TARGETS_AT_ONCE = 4096
_EXAMPLES_AT_ONCE = 4096


class Datamodel(ABC):
    """A linear model of every target's margin, with scikit-learn's habits but **W's orientation: rows are training examples**.

    Attributes:
        coef_: W (n, t) float32, or float16 on request: ``W[i, j]`` is the effect of training on example i on the margin of
            target j, in units of the margin (scikit-learn's ``coef_`` is the transpose).
        intercept_: (t,) float64: the margin predicted for a model trained on nothing, in the same units.
    """

    coef_: np.ndarray
    intercept_: np.ndarray

    @abstractmethod
    def fit(self, masks: Masks, margins: np.ndarray | Sequence[np.ndarray] | Margins) -> Self:
        """Fits all targets, a block of them at a time.

        Args:
            masks: (m, n) bool, the training subset of each model, or the same as ``PackedMasks``.
            margins: (m, t) float16 or wider, the margin of each target in each model, or a list of such arrays (memory-mapped
                shards, say) in the order of the models.

        Raises:
            InputError: shapes do not fit, margins hold NaN or infinite values, or an example is in every model's subset or none.
        """

    def predict(self, masks: Masks) -> np.ndarray:
        """The margins that the datamodels predict for models trained on these subsets, (models, t) float32."""
        return predict(self.coef_, self.intercept_, masks)


def predict(weights: np.ndarray, intercept: np.ndarray, masks: Masks) -> np.ndarray:
    """intercept + masks @ W for W (n, t), rows training examples; (models, t) float32.

    Raises:
        InputError: masks of another number of training examples.
    """
    if masks.shape[1] != len(weights):
        raise InputError(
            f"masks has {masks.shape[1]} columns (training examples), the weights {len(weights)} rows: not the same."
        )
    predicted = np.tile(intercept.astype(np.float32), (masks.shape[0], 1))
    for start in range(0, len(weights), _EXAMPLES_AT_ONCE):
        rows = slice(start, start + _EXAMPLES_AT_ONCE)
        columns = mask_columns(masks, start, min(start + _EXAMPLES_AT_ONCE, len(weights))).astype(np.float32)
        predicted += columns @ weights[rows].astype(np.float32, copy=False)
    return predicted


def centred_blocks(
    margins: Margins, at_once: int | None = None, exact: bool = False
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Blocks of targets: which, their margins minus each target's mean (m, b) float32, and those means (b,) float64.

    Args:
        exact: the margins as float64, and means rounded to whole 1/1024: what is left of margins in float16 are then whole
            multiples of 2^-24, and their sums are exact in whatever order they are taken. Half as many targets at once.
    """
    at_once = at_once or _TARGETS_AT_ONCE // (2 if exact else 1)
    for start in range(0, margins.shape[1], at_once):
        block = margins.block(start, start + at_once)
        mean = block.mean(0, dtype=np.float64)
        if exact:
            mean, block = np.round(1024 * mean) / 1024, block.astype(np.float64)
        block -= mean
        yield slice(start, start + block.shape[1]), block, mean
