"""The search of ``detection.search`` on a W that is given by its factors and never exists as an n x n matrix.

An estimator that multiplies masks and margins has W = diag(scale) left' right with only m rows in each factor, m the number of
models. Exact steepest swaps need S = W + W' at the members' rows alone, so those k rows are kept, and a swap computes one more.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numba
import numpy as np

from rethinking_backdoors.detection.ascent import BLOCK, best_swap, enter, steepest, swap, total
from rethinking_backdoors.detection.pairs import LISTED, list_lowest, value
from rethinking_backdoors.detection.search import TOLERANCE, Solutions, check, start
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.margins.arrays import Margins, Masks, mask_columns, matched
from rethinking_backdoors.seeds import generator

_COLUMNS_AT_ONCE, _ROWS_AT_ONCE = 512, 16
# Columns of a factor that stay in the cache while several rows of S are summed.
_TILE = 1024


@dataclass(frozen=True)
class Factors:
    """W = diag(scale) left' (right - mean): W[i, j] is training example i's effect on target j; rows are training examples.

    Attributes:
        left: (m, n) float32 or float64, or uint8 (ceil(m / 8), n) for a left of zeros and ones: ``numpy.packbits(left, axis=0)``.
        right: (m, n) float16, float32 or float64, in C order; may be memory-mapped.
        scale: (n,) float64, of the training examples.
        mean: (n,) float64, subtracted from each target's column of ``right``, so that margins stay as they were stored.
    """

    left: np.ndarray
    right: np.ndarray
    scale: np.ndarray
    mean: np.ndarray

    def left_columns(self, examples: np.ndarray | slice) -> np.ndarray:
        """Columns of ``left`` unpacked, (m, b) float64."""
        columns, packed = self.left[:, examples], self.left.dtype == np.uint8
        return (np.unpackbits(columns, axis=0, count=len(self.right)) if packed else columns).astype(np.float64)

    def right_columns(self, targets: np.ndarray | slice) -> np.ndarray:
        """Columns of ``right`` minus their means, (m, b) float64."""
        return self.right[:, targets].astype(np.float64) - self.mean[targets]

    def pair_rows(self, examples: np.ndarray, out: np.ndarray) -> None:
        """Writes rows of S = W + W', with 0 at the example itself, to ``out`` (b, n) float32.

        Sums are in float64, so that S_ij and S_ji differ by their last bit at most; they do not depend on the other rows.
        """
        for first in range(0, len(examples), _ROWS_AT_ONCE):
            some = examples[first : first + _ROWS_AT_ONCE]
            # W at these rows, then W at these columns.
            lefts = self.left_columns(some).T * self.scale[some, None]
            sums = -np.outer(lefts.sum(1), self.mean)
            _add(_readable(self.right), lefts, sums)
            transposed, rights = np.zeros_like(sums), np.ascontiguousarray(self.right_columns(some).T)
            (_add_bits if self.left.dtype == np.uint8 else _add)(np.asarray(self.left), rights, transposed)
            sums += np.multiply(transposed, self.scale, out=transposed)
            sums[range(len(some)), some] = 0
            out[first : first + len(some)] = sums

    def pair_row(self, example: int) -> np.ndarray:
        """One row of S, (n,) float32."""
        self.pair_rows(np.array([example]), out := np.empty((1, len(self.scale)), dtype=np.float32))
        return out[0]

    def linear_parts(self) -> tuple[np.ndarray, np.ndarray]:
        """The diagonal and the column sums of W, (n,) float64 each."""
        n, diagonal, weights = len(self.scale), np.empty(len(self.scale)), np.zeros(len(self.right))
        for first in range(0, n, _COLUMNS_AT_ONCE):
            part = slice(first, first + _COLUMNS_AT_ONCE)
            columns = self.left_columns(part) * self.scale[part]
            weights += columns.sum(1)
            diagonal[part] = np.einsum("mb,mb->b", columns, self.right_columns(part))
        column_sum = -weights.sum() * self.mean[None]
        _add(_readable(self.right), weights[None], column_sum)
        return diagonal, column_sum[0]


def difference_factors(masks: Masks, margins: np.ndarray | Sequence[np.ndarray] | Margins) -> Factors:
    """The factors of ``datamodels.DifferenceInMeans`` (centring "target").

    Args:
        masks: (m, n) bool or ``PackedMasks``.
        margins: (m, n) float16 or wider, of the training examples. One array is used as it is; shards are joined in a copy.

    Raises:
        InputError: shapes do not fit, margins are not finite, or an example is in every model's subset or in none.
    """
    margins, (m, n) = matched(masks, margins), masks.shape
    if margins.shape[1] != n:
        raise InputError(f"margins must be of the {n} training examples; they are of {margins.shape[1]} targets.")
    left, inside, mean = np.empty((-(-m // 8), n), dtype=np.uint8), np.empty(n), np.empty(n)
    for first in range(0, n, _COLUMNS_AT_ONCE):
        part = slice(first, min(first + _COLUMNS_AT_ONCE, n))
        columns = mask_columns(masks, part.start, part.stop)
        left[:, part], inside[part] = np.packbits(columns, axis=0), columns.sum(0)
        mean[part] = margins.block(part.start, part.stop).mean(0, dtype=np.float64)
    if not (inside.all() and (m - inside).all()):
        raise InputError("an example is in every model's subset or in none: its weight cannot be estimated.")
    right = margins.parts[0] if len(margins.parts) == 1 else np.concatenate(margins.parts)
    right = np.ascontiguousarray(right if margins.kept is None else right[margins.kept])
    return Factors(left, right, 1 / inside + 1 / (m - inside), mean)


def search_factors(
    factors: Factors,
    sizes: list[int],
    restarts: int,
    *,
    seed: int,
    starts: str = "random",
    self_influence: bool = True,
    progress: Callable[[list[int]], Iterable[int]] = iter,
) -> Solutions:
    """``detection.search.search`` on factors: the same starts, swaps, objective and certificate.

    Only the tolerance differs: ``TOLERANCE`` times the largest entry of the rows that a restart has read, not of all S, so that
    a certificate says as much or more.

    Args:
        factors: see ``Factors``; with sizes, restarts, seed, starts, progress and their errors as in ``search_pairs``.
        self_influence: False for W with a zero diagonal.

    Memory beside the factors: 4 k n bytes for the members' rows with k the largest size, and at most 500 n bytes. Time: every
    restart computes k rows and one more for each swap, each from both factors: of the order of m n additions.
    """
    n = len(factors.scale)
    check(n, sizes, starts)
    diagonal, column_sum = factors.linear_parts()
    if not self_influence:
        diagonal, column_sum = np.zeros(n), column_sum - diagonal
    stored = np.empty((max(sizes, default=0), n), dtype=np.float32)
    members, objective, certified = [], np.empty((len(sizes), restarts)), np.empty((len(sizes), restarts), dtype=bool)
    for number, size in enumerate(progress(sizes)):
        linear, found = diagonal - size / n * column_sum, np.empty((restarts, size), dtype=np.int64)
        for restart in range(restarts):
            found[restart] = start(factors.pair_row, n, size, generator(seed, "restart", size, restart), starts)
            factors.pair_rows(found[restart], stored[:size])
            objective[number, restart], certified[number, restart] = _climb(factors, stored[:size], linear, found[restart])
        members.append(np.sort(found, axis=1))
    return Solutions(np.array(sizes), members, objective, certified)


def _climb(factors: Factors, stored: np.ndarray, linear: np.ndarray, members: np.ndarray) -> tuple[float, bool]:
    """``ascent.ascend`` for one set ``members`` (k,), whose rows ``stored`` (k, n) holds; both change in place."""
    (k, n), slots = stored.shape, np.arange(len(members))
    low_value, low_index = np.empty((k, min(LISTED, n)), dtype=np.float32), np.empty((k, min(LISTED, n)), dtype=np.int32)
    list_lowest(stored, low_value, low_index)
    gain, inside, top, candidates = np.empty(n), np.empty(k), np.empty(-(-n // BLOCK)), np.empty(n, dtype=np.int64)
    total(stored, slots, linear, gain)
    enter(members, gain, inside, top)
    largest = max(float(stored.max()), -float(stored.min()))
    while True:
        lowest, last = np.ascontiguousarray(low_value[:, 0]), np.ascontiguousarray(low_value[:, -1])
        best, p, incoming, _ = steepest(stored, low_value, low_index, lowest, last, slots, inside, gain, top, candidates)
        if best <= TOLERANCE * largest:
            break
        added = factors.pair_row(incoming)
        # The tolerance grows with what is read: rounding is relative to entries, and could else make the search run in circles.
        largest = max(largest, float(added.max()), -float(added.min()))
        swap(added, stored[p], p, incoming, members, inside, gain, top)
        stored[p] = added
        list_lowest(stored[p : p + 1], low_value[p : p + 1], low_index[p : p + 1])
    best, _ = best_swap(stored, lowest, slots, inside, gain, top)
    return (inside.sum() + linear[members].sum()) / 2, best <= TOLERANCE * largest


def _readable(array: np.ndarray) -> np.ndarray:
    """Float16 as the bits that ``pairs.value`` reads."""
    return np.asarray(array).view(np.uint16 if array.dtype == np.float16 else array.dtype)


@numba.njit(cache=True, nogil=True)
def _add(values, weights, out):
    """out (b, n) += weights (b, m) times values (m, n); zero weights cost nothing."""
    for first in range(0, values.shape[1], _TILE):
        for b in range(len(out)):
            sums = out[b, first : first + _TILE]
            for m in range(len(values)):
                if weights[b, m] != 0:
                    row, weight = values[m, first : first + _TILE], weights[b, m]
                    for i in range(len(sums)):
                        sums[i] += weight * np.float64(value(row[i]))


def _add_bits(bits: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """The same for values that are 0 or 1, as bits (ceil(m / 8), n) uint8: the 256 sums of 8 weights are looked up."""
    padded = np.pad(weights, ((0, 0), (0, 8 * len(bits) - weights.shape[1])))
    _look_up(bits, padded.reshape(len(weights), len(bits), 8) @ np.unpackbits(np.arange(256, dtype=np.uint8)[None], axis=0), out)


@numba.njit(cache=True, nogil=True)
def _look_up(bits, tables, out):
    for first in range(0, bits.shape[1], _TILE):
        for b in range(len(out)):
            sums = out[b, first : first + _TILE]
            for group, table in enumerate(tables[b]):
                row = bits[group, first : first + _TILE]
                for i in range(len(sums)):
                    sums[i] += table[row[i]]
