"""A suspicious data set against trusted ones of the same kind: each label against itself, so that natural groups cancel."""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.detection.groups import Groups

# From which distance on a group is stronger than what trusted sets have; see docs/scan.md for what that was measured on.
THRESHOLD = 6.0


@dataclass(frozen=True)
class Distance:
    """How far the suspicious set lies above the trusted ones.

    Attributes:
        z: (A, L, K) float64, of A fractions, L labels, K sizes; -inf where a set lacks the size. cell: indices of the largest.
        among: (R,) float64, the largest z of each trusted set against the others. threshold: the largest of these, 6 at least.
    """

    z: np.ndarray
    cell: tuple[int, int, int]
    among: np.ndarray
    threshold: float

    @property
    def above(self) -> bool:
        return bool(self.z[self.cell] > self.threshold)


def distance(groups: list[list[Groups]], references: list[list[list[Groups]]]) -> Distance:
    """Compares the strengths F of a set with those of R trusted sets, at least two.

    Args:
        groups: of the suspicious set, for each of A fractions, of each of L labels. references: the same of each trusted set.

    z is F minus the trusted sets' mean for that label, size and fraction, in units of their standard deviation, which is pooled
    over the labels (each has few references), times the square root of 1 + 1 / R.
    """
    k = min(len(group.sizes) for set_ in (groups, *references) for row in set_ for group in row)
    every = np.array([[[group.strength[:k] for group in row] for row in set_] for set_ in (groups, *references)])
    z = _z(every[0], every[1:])
    among = (
        [_z(every[one], np.delete(every[1:], one - 1, axis=0)).max() for one in range(1, len(every))] if len(every) > 3 else []
    )
    cell = tuple(int(x) for x in np.unravel_index(z.argmax(), z.shape))
    return Distance(z, (cell[0], cell[1], cell[2]), np.array(among), max([THRESHOLD, *among]))


def _z(strength: np.ndarray, references: np.ndarray) -> np.ndarray:
    """(A, L, K) against (R, A, L, K)."""
    spread = np.sqrt(references.var(0, ddof=1).mean(1, keepdims=True))
    return (strength - references.mean(0)) / np.maximum(spread, 1e-12) / np.sqrt(1 + 1 / len(references))
