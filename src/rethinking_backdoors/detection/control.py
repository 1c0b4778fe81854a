"""The control of every detection: the same search on datamodels that can hold no information on who moves whom."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rethinking_backdoors.detection.scores import detect
from rethinking_backdoors.seeds import generator


def permuted_scores(
    masks: np.ndarray,
    margins: np.ndarray,
    estimator: Callable[[np.ndarray, np.ndarray], np.ndarray],
    rules: dict[str, dict[str, Any]],
    permutations: int,
    root: int,
    device: str = "cpu",
) -> dict[str, np.ndarray]:
    """Scores on datamodels that are fitted to masks whose rows (models) are permuted.

    A good score here is no evidence for the method: poisoned margins rise and fall together, so that even a matrix of noise has
    columns alike on them, which the search follows.

    Args:
        masks: (m, n) bool. margins: (m, n), of the same models before the permutation.
        estimator: maps masks and margins to W (n, n).
        rules: settings by name, see ``detect``. device: see ``detect``.

    Returns:
        For each rule the scores (permutations, n).
    """
    scores = {name: [] for name in rules}
    for number in range(permutations):
        order = generator(root, "permuted masks", number).permutation(len(masks))
        weights = estimator(masks[order], margins)
        for name, rule in rules.items():
            scores[name].append(detect(weights, rule, root, device)["score"])
    return {name: np.stack(rows) for name, rows in scores.items()}
