"""The masks as the design matrix of a linear model: their means, their Gram matrix, and their products with margins."""

import numpy as np

from rethinking_backdoors.datamodels.backend import Array, Device, Host
from rethinking_backdoors.datamodels.overlaps import overlaps, padded, words
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.margins.arrays import Masks, PackedMasks, mask_columns

# Up to this many examples the masks are unpacked to float32 once (4 m n bytes); above, in parts of this size for each product.
# In float64 half as many.
_EXAMPLES_AT_ONCE = 16384
_ROWS_AT_ONCE = 512


class Design:
    """Masks X (m, n), and with Xc their columns minus the columns' means.

    Args:
        masks: (m, n). at: where products are done.
        threads: for the counting of bits on the host; matrix products use what BLAS is set to.

    Attributes:
        inside: (n,) int64, in how many models' subsets each example is.
        mean: (n,) float64, the same as a share, alpha for subsets of exact size.

    Memory: 4 m min(n, 16384) bytes on the host (in float64 4 m min(2 n, 16384)), 4 m n on a device.

    Raises:
        InputError: an example is in every subset or in none.
    """

    def __init__(self, masks: Masks, at: Host | Device, threads: int = 1):
        self.masks, self.at, self.threads = masks, at, threads
        self.m, self.n = masks.shape
        self._at_once = _EXAMPLES_AT_ONCE * 4 // np.dtype(at.dtype).itemsize if isinstance(at, Host) else self.n
        self.inside = np.concatenate([mask_columns(masks, *part).sum(0, dtype=np.int64) for part in self._parts()])
        if not (self.inside.all() and (self.m - self.inside).all()):
            raise InputError("an example is in every model's subset or in none: its weight cannot be estimated.")
        self.mean = self.inside / self.m
        self._transposed = at.put(mask_columns(masks, 0, self.n).T) if self.n <= self._at_once else None

    def _parts(self) -> list[tuple[int, int]]:
        return [(start, min(start + self._at_once, self.n)) for start in range(0, self.n, self._at_once)]

    def sums(self, block: Array) -> Array:
        """X' times a block (m, b): for each example the sum over the models trained with it. Returns (n, b)."""
        if self._transposed is not None:
            return self._transposed @ block
        assert isinstance(self.at, Host)  # a device has it all at once
        result = np.empty((self.n, block.shape[1]), dtype=self.at.dtype)
        for start, stop in self._parts():
            np.matmul(self.at.put(mask_columns(self.masks, start, stop).T), block, out=result[start:stop])
        return result

    def predictions(self, weights: Array) -> Array:
        """X times weights (n, b): for each model the sum over its subset. Returns (m, b); on a device only."""
        assert self._transposed is not None
        return self._transposed.T @ weights

    def gram(self, over: str) -> Array:
        """The centred Gram matrix, float32: Xc'Xc (n, n) for ``over`` "examples", Xc Xc' (m, m) for "models"."""
        if isinstance(self.at, Host):
            counts = overlaps(self._words(over), self.threads)
        else:
            assert self._transposed is not None
            counts = self._transposed @ self._transposed.T if over == "examples" else self._transposed.T @ self._transposed
        if over == "examples":
            # Xc'Xc = X'X - s s'/m with s the sums of the columns.
            scaled = self.inside / np.sqrt(self.m)
            return self._subtract(counts, scaled, scaled, 0.0)
        # Xc = H X with H = I - 11'/m, so Xc Xc' = H (X X') H: rows and columns of the counts are centred. A row's sum over all
        # models is the sum of the examples' totals over its subset.
        rows = np.concatenate([self.at.get(counts[a : a + _ROWS_AT_ONCE].sum(1)) for a in range(0, self.m, _ROWS_AT_ONCE)])
        rows = rows.astype(np.float64) / self.m
        ones = np.ones(self.m)
        return self._subtract(self._subtract(counts, rows, ones, 0.0), ones, rows, -rows.mean())

    def _subtract(self, square: Array, left: np.ndarray, right: np.ndarray, constant: float) -> Array:
        """square - left right' - constant, in place; in double precision, because what is left may be small."""
        for start in range(0, len(square), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            if isinstance(self.at, Host):
                square[rows] -= np.outer(left[rows], right) + constant
            else:
                columns = self.at.torch.from_numpy(np.stack([right, np.full(len(right), constant)])).to(self.at.name)
                pairs = self.at.torch.from_numpy(np.stack([left[rows], np.ones(len(left[rows]))], axis=1)).to(self.at.name)
                square[rows] -= pairs @ columns
        return square

    def _words(self, over: str) -> np.ndarray:
        if over == "examples":
            return np.concatenate([words(mask_columns(self.masks, *part).T) for part in self._parts()])
        if isinstance(self.masks, PackedMasks):
            # Bits past n, where the last byte is not full, are zero as numpy.packbits leaves them.
            return padded(self.masks.bits)
        return words(self.masks)
