"""Feature strength: Lemma 1's estimate from a weight matrix, and the measured k-output and k-strength (paper, eq. 1-5, 15)."""

from collections.abc import Callable

import numpy as np

from rethinking_backdoors.detection.objective import strength_vector


def estimate(weights: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Per-example strength estimate h(1_Phi)' W (paper, section 5.1): higher means more moved by the feature.

    Args:
        weights: W (n, t), rows training examples, columns targets.
        support: (p,) indices of the training examples that carry the feature.

    Returns:
        (t,) float64, in units of the margin per example with the feature.
    """
    indicator = np.zeros(len(weights))
    indicator[support] = 1
    return strength_vector(indicator) @ weights


def without_self(weights: np.ndarray) -> np.ndarray:
    """A copy of W (n, n) whose diagonal, each example's effect on its own margin, is zero."""
    copy = weights.copy()
    np.fill_diagonal(copy, 0)
    return copy


def measured(masks: np.ndarray, margins: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Per-example k-strength measured on trained models (eq. 15): the slope of the margin on the number of feature examples.

    The least-squares slope of g(z, k) on k weighted by N(z, k): that of all models trained without z.

    Args:
        masks: (m, n) bool, the models' subsets. margins: (m, n), of the same models.
        support: (p,) indices of the training examples that carry the feature.

    Returns:
        (n,) float64, in units of the margin per example with the feature.
    """
    outside = (~masks).astype(np.float64)
    count = masks[:, support].sum(1).astype(np.float64)
    count -= count.mean()
    values = margins.astype(np.float64)
    values -= values.mean(0)
    models = outside.sum(0)
    sum_k, sum_kk = count @ outside, (count**2) @ outside
    sum_f = np.einsum("mi,mi->i", outside, values)
    sum_kf = np.einsum("m,mi,mi->i", count, outside, values)
    return (sum_kf - sum_k * sum_f / models) / (sum_kk - sum_k**2 / models)


def k_output(
    masks: np.ndarray, margins: np.ndarray, support: np.ndarray, examples: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The k-output g(z, k) of single examples (eq. 15a): mean margin of the models trained without z on exactly k feature
    examples.

    Args:
        masks, margins, support: as in ``measured``.
        examples: (e,) indices z of the examples whose curves are wanted.

    Returns:
        k (K,) int64, the unbroken range in which every example's mean is over at least half a percent of the models; g (e, K)
        float64, and N (e, K) int64, the number of models behind each mean.
    """
    count = masks[:, support].sum(1)
    levels = np.arange(count.min(), count.max() + 1)
    g, models = np.full((len(examples), len(levels)), np.nan), np.zeros((len(examples), len(levels)), dtype=np.int64)
    for row, z in enumerate(examples):
        free = ~masks[:, z]
        models[row] = np.bincount(count[free] - levels[0], minlength=len(levels))
        total = np.bincount(count[free] - levels[0], weights=margins[free, z].astype(np.float64), minlength=len(levels))
        g[row] = np.divide(total, models[row], out=g[row], where=models[row] > 0)
    least = max(1, len(masks) // 200)
    enough = np.flatnonzero((models >= least).all(0))
    if not len(enough):
        raise ValueError(f"no number k of feature examples occurs in {least} models for every example: train more models.")
    # The counts are bell-shaped, so the range round the most frequent k that has enough models is the one to show.
    centre = enough[models.min(0)[enough].argmax()]
    gaps = np.flatnonzero(models.min(0) < least)
    first = max([gap + 1 for gap in gaps if gap < centre], default=0)
    last = min([gap for gap in gaps if gap > centre], default=len(levels))
    return levels[first:last], g[:, first:last], models[:, first:last]


def summarize(
    masks: np.ndarray,
    margins: np.ndarray,
    support: np.ndarray,
    estimator: Callable[[np.ndarray, np.ndarray], np.ndarray],
    rng: np.random.Generator,
    shown: int = 5,
) -> dict[str, np.ndarray]:
    """Everything that Table 2 and Figures 3, 4, 5, 7 and 8 need of one setting.

    Lemma 1's sum and the slope, taken on the same models, agree by arithmetic; so the comparison of the two (``_half``) takes
    the weights from the models with even positions and the slopes from those with odd ones, and leaves self-influence out of the
    weights, because the slopes, taken on models without the example, cannot hold it.

    Args:
        masks: (m, n) bool. margins: (m, n). support: (p,) the poisoned examples.
        estimator: maps masks and margins to W (n, n).
        rng: draws which examples' curves are shown.
        shown: how many poisoned and how many clean examples get a curve.

    Returns:
        ``poisoned`` (n,) bool; ``estimate``, ``estimate_without_self``, ``measured`` (n,), from all models; ``estimate_half``,
        ``measured_half`` (n,), from half of them each; ``k`` (K,); ``g_poisoned``, ``g_clean`` (K,), means over all poisoned and
        as many clean examples; ``example`` (2 shown,), first the poisoned ones, and their curves ``g_example`` (2 shown, K);
        ``margin_mean``, ``margin_sd`` (n,), of each example over all models.
    """
    n = masks.shape[1]
    poisoned = np.zeros(n, dtype=bool)
    poisoned[support] = True
    weights = estimator(masks, margins)
    clean = np.sort(rng.choice(np.flatnonzero(~poisoned), len(support), replace=False))
    k, g, _ = k_output(masks, margins, support, np.concatenate([support, clean]))
    chosen = [rng.choice(len(support), min(shown, len(support)), replace=False) + offset for offset in (0, len(support))]
    rows = np.concatenate(chosen)
    return {
        "poisoned": poisoned,
        "estimate": estimate(weights, support),
        "estimate_without_self": estimate(without_self(weights), support),
        "measured": measured(masks, margins, support),
        "estimate_half": estimate(without_self(estimator(masks[::2], margins[::2])), support),
        "measured_half": measured(masks[1::2], margins[1::2], support),
        "k": k,
        "g_poisoned": g[: len(support)].mean(0),
        "g_clean": g[len(support) :].mean(0),
        "example": np.concatenate([support, clean])[rows],
        "g_example": g[rows],
        "margin_mean": margins.mean(0, dtype=np.float64),
        "margin_sd": margins.std(0, dtype=np.float64),
    }
