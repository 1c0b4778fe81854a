"""The control of every detection: the same search on datamodels that can hold no information on who moves whom."""

from typing import Any

import numpy as np

from rethinking_backdoors.datamodels.difference import difference_in_means
from rethinking_backdoors.detection.scores import detect
from rethinking_backdoors.seeds import generator


def permuted_scores(
    masks: np.ndarray, margins: np.ndarray, rules: dict[str, dict[str, Any]], permutations: int, root: int
) -> dict[str, np.ndarray]:
    """Scores on datamodels that are fitted to masks whose rows (models) are permuted.

    A good score here is no evidence for the method: poisoned margins rise and fall together, so that even a matrix of noise has
    columns alike on them, which the search follows.

    Args:
        masks: (m, n) bool. margins: (m, n), of the same models before the permutation.
        rules: settings by name, see ``detect``.

    Returns:
        For each rule the scores (permutations, n).
    """
    scores = {name: [] for name in rules}
    for number in range(permutations):
        order = generator(root, "permuted masks", number).permutation(len(masks))
        weights = difference_in_means(masks[order], margins)
        for name, rule in rules.items():
            scores[name].append(detect(weights, rule, root)["score"])
    return {name: np.stack(rows) for name, rows in scores.items()}
