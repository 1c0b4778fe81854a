"""What estimators read: masks as bools or packed bits, margins as one array or as a list of shards. Read block by block."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.errors import InputError

# Examples whose margins are in memory at a time.
_EXAMPLES_AT_ONCE = 4096


@dataclass(frozen=True)
class PackedMasks:
    """Masks at one bit an entry: an eighth of the memory of bools.

    Attributes:
        bits: (m, ceil(n / 8)) uint8 in the order of ``numpy.packbits``; may be memory-mapped.
        n: number of training examples.
    """

    bits: np.ndarray
    n: int

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n), as of the array of bools."""
        return len(self.bits), self.n


def pack(chunks: Iterable[np.ndarray]) -> PackedMasks:
    """Packs masks that come in chunks of models, each (models, n) bool, so that they never lie unpacked in memory as a whole."""
    parts, n = [], 0
    for chunk in chunks:
        if chunk.dtype != bool:
            raise InputError(f"masks must be bool, True where an example is in a model's subset; given: {chunk.dtype}.")
        parts.append(np.packbits(chunk, axis=1))
        n = chunk.shape[1]
    return PackedMasks(np.concatenate(parts), n)


Masks = np.ndarray | PackedMasks


def mask_columns(masks: Masks, start: int, stop: int) -> np.ndarray:
    """The columns of examples ``start`` to ``stop``, (m, stop - start) bool."""
    if isinstance(masks, PackedMasks):
        first, last = start // 8, -(-stop // 8)
        unpacked = np.unpackbits(masks.bits[:, first:last], axis=1).view(bool)
        return unpacked[:, start - 8 * first : stop - 8 * first]
    return masks[:, start:stop]


def masks_of(masks: Masks, examples: np.ndarray) -> np.ndarray:
    """The columns of some examples (e,) in any order, (m, e) bool, a copy."""
    if isinstance(masks, PackedMasks):
        bits = masks.bits[:, examples // 8]
        bits &= (128 >> examples % 8).astype(np.uint8)
        return bits != 0
    return masks[:, examples]


def mask_rows(masks: Masks, chosen: np.ndarray | slice) -> Masks:
    """The masks of some models, in the form they came in."""
    return PackedMasks(masks.bits[chosen], masks.n) if isinstance(masks, PackedMasks) else masks[chosen]


class Margins:
    """Margins (m, t) of one array, or of shards (models, t) in the order of their models; nothing is copied before ``block``.

    Args:
        margins: an array or a sequence of arrays, float16 or wider; memory-mapped ones stay on disk.
        kept: (m,) bool, the models to use; all if not given.

    Raises:
        InputError: shards of different numbers of targets, or no numbers.
    """

    def __init__(self, margins: "np.ndarray | Sequence[np.ndarray] | Margins", kept: np.ndarray | None = None):
        if isinstance(margins, Margins):
            margins, kept = margins.parts, margins._narrowed(kept)
        self.parts = [margins] if isinstance(margins, np.ndarray) else list(margins)
        if any(part.ndim != 2 or part.dtype.kind != "f" for part in self.parts):
            raise InputError("margins must be floating-point arrays of two dimensions, models times targets.")
        widths = sorted({part.shape[1] for part in self.parts})
        if len(widths) != 1:
            raise InputError(f"every shard of margins must have the same number of targets; given: {widths}.")
        self.kept = kept
        models = sum(map(len, self.parts)) if kept is None else int(kept.sum())
        self.shape = (models, widths[0])

    def _narrowed(self, kept: np.ndarray | None) -> np.ndarray | None:
        """``kept``, which counts this object's models, as a choice among all models of the parts."""
        if self.kept is None or kept is None:
            return self.kept if kept is None else kept
        whole = self.kept.copy()
        whole[whole] = kept
        return whole

    def block(self, start: int, stop: int) -> np.ndarray:
        """The margins of targets ``start`` to ``stop``, (m, stop - start) float32 in C order, a copy.

        Raises:
            InputError: one of them is NaN or infinite.
        """
        return self._read(slice(start, min(stop, self.shape[1])))

    def of(self, targets: np.ndarray) -> np.ndarray:
        """The margins of some targets (e,) in any order, (m, e) float32 in C order, a copy; errors as of ``block``."""
        return self._read(targets)

    def _read(self, targets: slice | np.ndarray) -> np.ndarray:
        read = np.arange(self.shape[1])[targets]
        block = np.empty((self.shape[0], len(read)), dtype=np.float32)
        row, model = 0, 0
        for part in self.parts:
            values = part[:, targets]
            if self.kept is not None:
                values = values[self.kept[model : model + len(part)]]
            block[row : row + len(values)] = values
            row, model = row + len(values), model + len(part)
        if not np.isfinite(block).all():
            raise InputError(f"margins of the targets {read.min()} to {read.max()} hold NaN or infinite values.")
        return block


def matched(masks: Masks, margins: np.ndarray | Sequence[np.ndarray] | Margins) -> Margins:
    """Margins ready to be read, after the check that they fit the masks.

    Raises:
        InputError: shapes do not fit, or masks are not bool.
    """
    margins = margins if isinstance(margins, Margins) else Margins(margins)
    if isinstance(masks, np.ndarray) and masks.dtype != bool:
        raise InputError(f"masks must be bool, True where an example is in a model's subset; given: {masks.dtype}.")
    if masks.shape[0] != margins.shape[0]:
        raise InputError(f"masks has {masks.shape[0]} rows (models), margins {margins.shape[0]}; they must be equal.")
    return margins


def moments(margins: Margins) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each example's margins (m, n) over the models; (n,) float64 each."""
    mean, square = np.empty(margins.shape[1]), np.empty(margins.shape[1])
    for examples, block in blocks(margins):
        mean[examples] = block.mean(0, dtype=np.float64)
        square[examples] = np.einsum("mb,mb->b", block, block, dtype=np.float64) / len(block)
    return mean, np.sqrt(np.maximum(square - mean**2, 0))


def blocks(margins: Margins) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of examples: which, and their margins (m, b) float32."""
    for start in range(0, margins.shape[1], _EXAMPLES_AT_ONCE):
        block = margins.block(start, start + _EXAMPLES_AT_ONCE)
        yield slice(start, start + block.shape[1]), block
