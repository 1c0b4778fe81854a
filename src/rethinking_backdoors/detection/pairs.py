"""S = W + W' in one array: what two examples in a solution add to its sum, stored so that a search reads contiguous rows.

The array may take the place of W, may be memory-mapped, and is float32 or float16. Float16 and not bfloat16: a matrix of weights
spans a few powers of ten, which float16 holds with 11 bits instead of 8 once it is scaled by a power of two.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numba
import numpy as np
from numba import types
from numba.extending import overload

from rethinking_backdoors.errors import InputError

# Entries of S that are kept sorted for every row: enough to find the best swap without reading rows, 512 bytes an example.
LISTED = 64
# Sums of pairs of larger weights overflow.
_LARGEST = 1e30
_TILE = 512
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Pairs:
    """S = W + W' with a zero diagonal, and what else eq. 7 needs of W.

    Attributes:
        stored: (n, n) ``scale`` times S: float32, or uint16 that holds the bits of float16 (numba has no float16).
        scale: a power of two; 1 for float32.
        diagonal, column_sum: (n,) float64, of W.
        low_value, low_index: (n, L) float32 and int32, the L lowest entries of each row of ``stored``, ascending, and
            their columns.
        largest: the largest absolute entry of ``stored``.
    """

    stored: np.ndarray
    scale: float
    diagonal: np.ndarray
    column_sum: np.ndarray
    low_value: np.ndarray
    low_index: np.ndarray
    largest: float

    def linear(self, size: int) -> np.ndarray:
        """The diagonal of eq. 7's matrix: W_jj - (size / n) sum_i W_ij, times ``scale``; (n,) float64."""
        return (self.diagonal - size / len(self.diagonal) * self.column_sum) * self.scale

    def without_self(self) -> "Pairs":
        """The same for W with a zero diagonal, each example's effect on its own margin left out; shares ``stored``."""
        return replace(self, diagonal=np.zeros_like(self.diagonal), column_sum=self.column_sum - self.diagonal)

    def row(self, example: int) -> np.ndarray:
        """A copy of one row of ``stored``, (n,) float32."""
        row = self.stored[example]
        return (row if row.dtype == np.float32 else row.view(np.float16)).astype(np.float32)


def pair_sums(weights: np.ndarray, *, out: np.ndarray | None = None, threads: int = 1) -> Pairs:
    """Makes S from W; besides ``out`` it needs at most 0.05 of a float32 matrix (n of 10,000 or more).

    Args:
        weights: W (n, n) float16, float32 or float64, rows training examples, columns targets. May be memory-mapped.
        out: (n, n) float32 or float16, receives S. It may be ``weights`` itself, whose content is then lost, or a memory-mapped
            file; by default a new float32 array.
        threads: threads that sort the rows' lowest entries.

    Raises:
        InputError: W is not square or not finite, or ``out`` does not fit.
    """
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise InputError(f"the weight matrix must be square (training examples x targets); its shape is {weights.shape}.")
    if out is None:
        out = np.empty(weights.shape, dtype=np.float32)
    fits = out.shape == weights.shape and out.dtype in (np.float32, np.float16) and out.flags.c_contiguous and out.flags.writeable
    if not fits:
        raise InputError(f"out must be a writable float32 or float16 array of shape {weights.shape} in C order.")
    if out is not weights and np.may_share_memory(out, weights):
        raise InputError("out must be the weight matrix itself or share no memory with it.")
    diagonal = np.diagonal(weights).astype(np.float64)
    column_sum, largest = _sums(weights)
    # The largest sum of two weights then lies between 2^13 and 2^15; 65,504 is the largest float16.
    scale = 2.0 ** (14 - np.ceil(np.log2(largest))) if out.dtype == np.float16 and largest > 0 else 1.0
    largest = _add_transpose(weights, out, scale)
    stored = np.asarray(out) if out.dtype == np.float32 else np.asarray(out).view(np.uint16)
    low_value = np.empty((len(stored), min(LISTED, len(stored))), dtype=np.float32)
    low_index = np.empty(low_value.shape, dtype=np.int32)
    share_out(lambda rows: list_lowest(stored[rows], low_value[rows], low_index[rows]), len(stored), threads, 64)
    return Pairs(stored, scale, diagonal, column_sum, low_value, low_index, largest)


def share_out(work: Callable[[slice], None], length: int, threads: int, parts: int) -> None:
    """Calls ``work`` on consecutive slices of range(length), several threads at once."""
    step = max(1, -(-length // parts))
    slices = [slice(start, min(start + step, length)) for start in range(0, length, step)]
    if threads == 1:
        for part in slices:
            work(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, slices):
            pass


def _sums(weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Column sums (n,) float64 and the largest absolute entry; refuses what is not finite."""
    total, largest = np.zeros(len(weights)), 0.0
    for start in range(0, len(weights), _ROWS_AT_ONCE):
        block = weights[start : start + _ROWS_AT_ONCE]
        largest = max(largest, float(block.max()), -float(block.min()))
        with np.errstate(invalid="ignore"):
            total += block.sum(0, dtype=np.float64)
    if not np.isfinite(total).all():
        raise InputError("the weight matrix holds values that are not finite.")
    if largest > _LARGEST:
        raise InputError(f"the weight matrix holds values up to {largest:.3g}, too large for float32: divide it by a number.")
    return total, largest


def _add_transpose(weights: np.ndarray, out: np.ndarray, scale: float) -> float:
    """out = scale (W + W') with a zero diagonal, tile by tile so that ``out`` may be W; the largest absolute entry."""
    largest = 0.0
    for i in range(0, len(weights), _TILE):
        rows = slice(i, i + _TILE)
        for j in range(i, len(weights), _TILE):
            columns = slice(j, j + _TILE)
            tile = weights[rows, columns].astype(np.float32)
            tile += weights[columns, rows].T
            if i == j:
                np.fill_diagonal(tile, 0)
            tile *= np.float32(scale)
            tile = tile.astype(out.dtype, copy=False)
            largest = max(largest, float(tile.max()), -float(tile.min()))
            out[rows, columns] = tile
            out[columns, rows] = tile.T
    return largest


def value(x):
    """The number that an entry of ``Pairs.stored`` stands for; for compiled functions only."""
    raise NotImplementedError


@overload(value)
def _value(x):
    if x != types.uint16:
        return lambda x: x

    def from_half(x):
        # The bits of float16 in the places of float32's are the number divided by 2^112, subnormal numbers included.
        bits = np.int32(np.uint32(x))
        magnitude, sign = (bits & np.int32(0x7FFF)) << np.int32(13), (bits & np.int32(0x8000)) << np.int32(16)
        return np.int32(magnitude | sign).view(np.float32) * np.float32(2.0**112)

    return from_half


@numba.njit(cache=True, nogil=True)
def list_lowest(rows, low_value, low_index):
    """Writes the L lowest entries of every row of (R, n), ascending, and their columns to two arrays (R, L)."""
    listed = low_value.shape[1]
    values, indices = np.empty(4 * listed, dtype=np.float32), np.empty(4 * listed, dtype=np.int32)
    for r in range(len(rows)):
        row, count, bound = rows[r], 0, np.float32(np.inf)
        for i in range(len(row)):
            x = value(row[i])
            if x < bound:
                values[count], indices[count] = x, i
                count += 1
                if count == len(values):
                    order = np.argsort(values)[:listed]
                    values[:listed], indices[:listed] = values[order], indices[order]
                    count, bound = listed, values[listed - 1]
        order = np.argsort(values[:count])[:listed]
        low_value[r], low_index[r] = values[order], indices[order]
