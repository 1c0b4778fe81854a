"""How well datamodels predict models that they were not fitted to."""

from collections.abc import Callable, Sequence

import numpy as np

from rethinking_backdoors.datamodels.base import Datamodel, predict
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.margins.arrays import Margins, Masks, mask_rows, matched

_TARGETS_AT_ONCE = 1024
# One model in so many is held out.
_EVERY = 10


def fidelity(
    weights: np.ndarray,
    intercept: np.ndarray,
    masks: Masks,
    margins: np.ndarray | Sequence[np.ndarray] | Margins,
) -> dict[str, float | int]:
    """Predicted against observed margins of held-out models.

    Args:
        weights: W (n, t), rows training examples, columns targets. intercept: (t,).
        masks: (v, n) bool or packed, margins: (v, t), of models that the weights were not fitted to.

    Returns:
        ``lds``: the linear datamodeling score, Spearman's rank correlation over models, mean over targets (Park et al. 2023,
        TRAK, definition 2.3); a target whose predictions or margins are all equal counts as 0. ``mse``: the squared error, mean
        over models and targets; its expectation is Assumption 2's epsilon (paper, eq. 4) plus the variance that training itself
        has for one subset, so it bounds epsilon from above. ``mse_largest``: that of the worst target, because the assumption is
        for every target. ``variance``: of the margins over the held-out models, mean over targets: the error of the best
        constant. ``models``: v.

    Raises:
        InputError: fewer than two models, or shapes do not fit.
    """
    margins = matched(masks, margins)
    if masks.shape[0] < 2:
        raise InputError(f"fidelity needs two held-out models or more; given: {masks.shape[0]}.")
    if weights.shape[1] != margins.shape[1]:
        raise InputError(f"the weights have {weights.shape[1]} columns (targets), margins {margins.shape[1]}: not the same.")
    correlation, error, variance = [], [], []
    for start in range(0, margins.shape[1], _TARGETS_AT_ONCE):
        targets = slice(start, start + _TARGETS_AT_ONCE)
        truth = margins.block(start, start + _TARGETS_AT_ONCE).astype(np.float64)
        guess = predict(weights[:, targets], intercept[targets], masks)
        correlation.append(_spearman(guess, truth))
        error.append(((guess - truth) ** 2).mean(0))
        variance.append(truth.var(0))
    errors = np.concatenate(error)
    return {
        "lds": float(np.concatenate(correlation).mean()),
        "mse": float(errors.mean()),
        "mse_largest": float(errors.max()),
        "variance": float(np.concatenate(variance).mean()),
        "models": masks.shape[0],
    }


def fit_with_fidelity(
    estimator: Callable[[], Datamodel],
    masks: Masks,
    margins: np.ndarray | Sequence[np.ndarray] | Margins,
    *,
    required: bool = True,
) -> tuple[Datamodel, dict[str, float | int]]:
    """Datamodels fitted to all models, and the fidelity of their like: of a second fit that every tenth model was kept from.

    W in use is thus never poorer for the measurement, which costs one more fit and is, if anything, a little too low. Models
    are independent draws, so every tenth is as good as a random tenth. Nothing of the second fit, penalties included, sees
    the models that it is judged by.

    Args:
        estimator: makes an unfitted estimator, such as an entry of ``ESTIMATORS``. masks, margins: as in ``Datamodel.fit``.
        required: if not, too few models for a second fit leave the fidelity unknown: an empty dictionary.

    Returns:
        The estimator fitted to all models, and what ``fidelity`` returns.
    """
    margins = matched(masks, margins)
    held = np.arange(masks.shape[0]) % _EVERY == _EVERY - 1
    try:
        known = estimator().fit(mask_rows(masks, ~held), Margins(margins, ~held))
        found = fidelity(known.coef_, known.intercept_, mask_rows(masks, held), Margins(margins, held))
        del known
    except InputError:
        if required:
            raise
        found = {}
    return estimator().fit(masks, margins), found


def _spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rank correlation of each pair of columns (v, b), ties at their mean rank; 0 where a column is constant. (b,) float64."""
    from scipy.stats import rankdata  # only here: loading scipy.stats takes longer than many a fit

    ranks = [rankdata(array, axis=0) for array in (first, second)]
    a, b = (rank - rank.mean(0) for rank in ranks)
    length = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    return np.divide((a * b).sum(0), length, out=np.zeros(a.shape[1]), where=length > 0)
