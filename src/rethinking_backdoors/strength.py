"""Feature strength: Lemma 1's estimate from a weight matrix, and the measured k-output and k-strength (paper, eq. 1-5, 15).

Matrices and margins are read in blocks, so that the memory beside the inputs is that of a few blocks (each function says which).
"""

from collections.abc import Callable, Sequence

import numpy as np

from rethinking_backdoors.detection.objective import strength_vector
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.margins.arrays import Margins, Masks, blocks, mask_columns, mask_rows, masks_of, matched, moments

# Rows of W that are in memory at a time as float64.
_ROWS_AT_ONCE = 256
# Examples whose margins are in memory at a time, as float32.
_EXAMPLES_AT_ONCE = 4096
# Points that a k-output curve has at least, where there are so many numbers k.
_FEWEST = 5


def estimates(weights: np.ndarray, supports: Sequence[np.ndarray], self_influence: bool = True) -> np.ndarray:
    """Per-example strength estimates h(1_Phi)' W of features (paper, section 5.1): higher means more moved by the feature.

    Args:
        weights: W (n, t), rows training examples, columns targets.
        supports: for each feature the (p,) indices of the training examples that carry it, neither none nor all.
        self_influence: whether W's diagonal counts, each example's effect on its own margin; else W is (n, n).

    Returns:
        (features, t) float64, in units of the margin per example with the feature.

    Memory: 8 (256 t + features (n + 2 t)) bytes.

    Raises:
        InputError: W holds values that are not finite.
    """
    indicators = np.zeros((len(supports), len(weights)))
    for row, support in zip(indicators, supports, strict=True):
        row[support] = 1
        row[:] = strength_vector(row)
    total = np.zeros((len(supports), weights.shape[1]))
    with np.errstate(invalid="ignore"):
        for start in range(0, len(weights), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            total += indicators[:, rows] @ weights[rows].astype(np.float64)
        if not self_influence:
            total -= indicators * np.diagonal(weights)
    if not np.isfinite(total).all():
        raise InputError("the weight matrix holds values that are not finite.")
    return total


def estimate(weights: np.ndarray, support: np.ndarray, self_influence: bool = True) -> np.ndarray:
    """``estimates`` of one feature: (t,) float64 for W (n, t), rows training examples, columns targets, and indices (p,)."""
    return estimates(weights, [support], self_influence)[0]


def measured(masks: Masks, margins: np.ndarray | Sequence[np.ndarray] | Margins, support: np.ndarray) -> np.ndarray:
    """Per-example k-strength measured on trained models (eq. 15): the slope of the margin on the number of feature examples.

    The least-squares slope of g(z, k) on k weighted by N(z, k): that of all models trained without z.

    Args:
        masks: (m, n) bool or packed, the models' subsets. margins: (m, n) or shards of it, of the same models.
        support: (p,) indices of the training examples that carry the feature.

    Returns:
        (n,) float64, in units of the margin per example with the feature.

    Memory: a block of at most 4,096 examples, 10 m bytes each, and 2 m p bytes.
    """
    margins = matched(masks, margins)
    count = masks_of(masks, support).sum(1).astype(np.float64)
    count -= count.mean()
    slopes = np.empty(margins.shape[1])
    for examples, block in blocks(margins):
        outside = ~mask_columns(masks, examples.start, examples.stop)
        block *= outside
        models = outside.sum(0)
        sum_f = block.sum(0, dtype=np.float64)
        sum_k, sum_kk, sum_kf = (
            np.einsum("m,mb->b", left, right, dtype=np.float64)
            for left, right in ((count, outside), (count**2, outside), (count, block))
        )
        slopes[examples] = (sum_kf - sum_k * sum_f / models) / (sum_kk - sum_k**2 / models)
    return slopes


def k_output(
    masks: Masks, margins: np.ndarray | Sequence[np.ndarray] | Margins, support: np.ndarray, examples: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The k-output g(z, k) of single examples (eq. 15a): mean margin of the models trained without z on k feature examples.

    Where single numbers k occur in too few models to make a curve, neighbouring ones are taken together.

    Args:
        masks, margins, support: as in ``measured``.
        examples: (e,) indices z of the examples whose curves are wanted.

    Returns:
        k (K,) int64, the unbroken range in which every example's mean is over at least half a percent of the models; if these
        are fewer than five, the middles of the narrowest bins of which five are. g (e, K) float64, and N (e, K) int64, the
        number of models behind each mean.

    Memory: a block of at most 4,096 examples, 11 m bytes each, 2 m p bytes, and 32 e bytes for every number k.
    """
    margins = matched(masks, margins)
    count = masks_of(masks, support).sum(1)
    levels = np.arange(count.min(), count.max() + 1)
    total, models = np.zeros((len(examples), len(levels))), np.zeros((len(examples), len(levels)), dtype=np.int64)
    for start in range(0, len(examples), _EXAMPLES_AT_ONCE):
        part = examples[start : start + _EXAMPLES_AT_ONCE]
        columns = zip(~masks_of(masks, part).T, margins.of(part).T, strict=True)
        for row, (free, values) in enumerate(columns, start):
            models[row] = np.bincount(count[free] - levels[0], minlength=len(levels))
            total[row] = np.bincount(count[free] - levels[0], weights=values[free], minlength=len(levels))
    least, found = max(1, masks.shape[0] // 200), None
    for width in range(1, max(1, len(levels) // _FEWEST) + 1, 2):  # odd, so that every bin has a middle
        k, sums, number = (_binned(values, width) for values in (levels[None], total, models))
        shown = _well_known(number.min(0), least)
        enough = shown.stop - shown.start
        if enough and (found is None or enough >= _FEWEST):
            found = k[0, shown] // width, sums[:, shown] / number[:, shown], number[:, shown]
        if enough >= _FEWEST:
            break
    if found is None:
        raise InputError(f"no number k of feature examples occurs in {least} models for every example: train more models.")
    return found


def _binned(values: np.ndarray, width: int) -> np.ndarray:
    """Sums of so many neighbouring columns; what is left over is dropped at both ends."""
    bins = values.shape[1] // width
    first = (values.shape[1] - bins * width) // 2
    return values[:, first : first + bins * width].reshape(len(values), bins, width).sum(2)


def _well_known(models: np.ndarray, least: int) -> slice:
    """The unbroken range with at least so many models round the place with most of them: the counts are bell-shaped."""
    centre, gaps = int(models.argmax()), np.flatnonzero(models < least)
    if models[centre] < least:
        return slice(0, 0)
    first = max([gap + 1 for gap in gaps if gap < centre], default=0)
    return slice(first, min([gap for gap in gaps if gap > centre], default=len(models)))


def summarize(
    masks: Masks,
    margins: np.ndarray | Sequence[np.ndarray] | Margins,
    support: np.ndarray,
    estimator: Callable[[Masks, Margins], np.ndarray],
    rng: np.random.Generator,
    shown: int = 5,
) -> dict[str, np.ndarray]:
    """Everything that Table 2 and Figures 3, 4, 5, 7 and 8 need of one setting.

    Lemma 1's sum and the slope, taken on the same models, agree by arithmetic; so the comparison of the two (``_half``) takes
    the weights from the models with even positions and the slopes from those with odd ones, and leaves self-influence out of the
    weights, because the slopes, taken on models without the example, cannot hold it.

    Args:
        masks: (m, n) bool or packed. margins: (m, n) or shards of it. support: (p,) the poisoned examples.
        estimator: maps masks and margins to W (n, n).
        rng: draws which examples' curves are shown.
        shown: how many poisoned and how many clean examples get a curve.

    Returns:
        ``poisoned`` (n,) bool; ``estimate``, ``estimate_without_self``, ``measured`` (n,), from all models; ``estimate_half``,
        ``measured_half`` (n,), from half of them each, and ``estimate_again``, ``measured_again``, from the other halves; ``k``
        (K,); ``g_poisoned``, ``g_clean`` (K,), means over all poisoned and as many clean examples; ``example`` (2 shown,), first
        the poisoned ones, and their curves ``g_example`` (2 shown, K); ``margin_mean``, ``margin_sd`` (n,), of each example over
        all models.

    Memory: that of ``estimator`` (one W at a time), of ``measured`` and of ``k_output``, one after another.
    """
    margins, n = matched(masks, margins), masks.shape[1]
    even = np.arange(masks.shape[0]) % 2 == 0
    poisoned = np.zeros(n, dtype=bool)
    poisoned[support] = True
    weights = estimator(masks, margins)
    whole, others = (estimate(weights, support, self_influence) for self_influence in (True, False))
    del weights
    halves = [
        (
            estimate(estimator(mask_rows(masks, part), Margins(margins, part)), support, self_influence=False),
            measured(mask_rows(masks, part), Margins(margins, part), support),
        )
        for part in (even, ~even)
    ]
    clean = np.sort(rng.choice(np.flatnonzero(~poisoned), len(support), replace=False))
    k, g, _ = k_output(masks, margins, support, np.concatenate([support, clean]))
    chosen = [rng.choice(len(support), min(shown, len(support)), replace=False) + offset for offset in (0, len(support))]
    rows = np.concatenate(chosen)
    mean, deviation = moments(margins)
    return {
        "poisoned": poisoned,
        "estimate": whole,
        "estimate_without_self": others,
        "measured": measured(masks, margins, support),
        "estimate_half": halves[0][0],
        "measured_half": halves[1][1],
        "estimate_again": halves[1][0],
        "measured_again": halves[0][1],
        "k": k,
        "g_poisoned": g[: len(support)].mean(0),
        "g_clean": g[len(support) :].mean(0),
        "example": np.concatenate([support, clean])[rows],
        "g_example": g[rows],
        "margin_mean": mean,
        "margin_sd": deviation,
    }
