"""Influence Graph (Sun et al. 2021): a group of examples that move one another's predictions, from one network.

An edge is the effect of removing one example on the loss of another, by influence functions (Koh and Liang 2017) in the last
layer: g_i' (H + damping)^-1 g_j / n, with g_i the gradient of i's cross-entropy by the layer's weights and H the Hessian of the
mean loss. The layer is fitted anew to the network's representations, with a small penalty. Its paper is told how many are
poisoned and searches greedily; no code of the authors was found. Here the search, the sizes and the scores are those of
``detection``, so that against this project's own detector only the edges differ. What is fitted without effort has hardly a
gradient: a group that is too easy to learn is not seen.
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.defenses.interface import Oracle, Removal, TrainingSet
from rethinking_backdoors.defenses.removal import highest_scores
from rethinking_backdoors.detection.scores import detect

ORACLE = ()
# Of the logistic regression on standardised representations; LogisticRegression's own is 1.
_PENALTY = 1.0


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        share: of the examples, that is removed. damping: added to H, as a share of its mean eigenvalue.
        sizes, restarts, starts, kept, self_influence: of the search, see ``detection.scores.detect``.
    """

    share: float
    damping: float
    sizes: tuple[int, ...]
    restarts: int
    starts: str = "partners"
    kept: float = 0.1
    self_influence: bool = False


def edges(representations: np.ndarray, labels: np.ndarray, damping: float) -> np.ndarray:
    """W (n, n) float32 of representations (n, d) and labels (n,): what training on one example takes from another's loss.

    The gradient of an example is (p - y) times its representation with a one behind it, p the class probabilities.
    """
    from sklearn.linear_model import LogisticRegression

    values = representations.astype(np.float64)
    values = (values - values.mean(0)) / (values.std(0) + 1e-8)
    fitted = LogisticRegression(C=1 / _PENALTY, max_iter=500).fit(values, labels)
    chance = fitted.predict_proba(values)
    shown = np.concatenate([values, np.ones((len(values), 1))], axis=1)
    error = chance - (labels[:, None] == fitted.classes_)
    gradient = (error[:, :, None] * shown[:, None, :]).reshape(len(values), -1)
    hessian = _hessian(chance, shown)
    hessian[np.diag_indices_from(hessian)] += damping * np.trace(hessian) / len(hessian)
    return (gradient @ np.linalg.solve(hessian, gradient.T) / len(labels)).astype(np.float32)


def _hessian(chance: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Of the mean cross-entropy and its penalty by the weights, class by class: (c d, c d) of (n, c) and (n, d)."""
    n, classes = chance.shape
    rows = []
    for a in range(classes):
        shares = chance[:, a, None] * ((np.arange(classes) == a) - chance)
        rows.append(np.concatenate([shown.T @ (shown * shares[:, b, None]) / n for b in range(classes)], axis=1))
    hessian = np.concatenate(rows)
    hessian[np.diag_indices_from(hessian)] += _PENALTY / n
    return hessian


def defend(examples: TrainingSet, settings: Settings, oracle: Oracle, rng: np.random.Generator) -> Removal:
    """Removes the examples that are most often in the strongest groups."""
    weights = edges(examples.representations, examples.labels, settings.damping)
    seed = int(rng.integers(2**31))
    search = {name: getattr(settings, name) for name in ("restarts", "starts", "kept", "self_influence")}
    score = detect(weights, {"sizes": list(settings.sizes), **search}, seed)["score"]
    return Removal(highest_scores(score, settings.share, seed), score)
