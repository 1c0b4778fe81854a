"""The control of every detection: the same search on datamodels that can hold no information on who moves whom."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rethinking_backdoors.detection.scores import detect
from rethinking_backdoors.margins.arrays import Margins, Masks, mask_rows
from rethinking_backdoors.seeds import generator


def permuted_scores(
    masks: Masks,
    margins: np.ndarray | Sequence[np.ndarray] | Margins,
    estimator: Callable[[Masks, np.ndarray | Sequence[np.ndarray] | Margins], np.ndarray],
    detectors: dict[str, dict[str, Any]],
    permutations: int,
    root: int,
    device: str = "cpu",
) -> dict[str, np.ndarray]:
    """Scores on datamodels that are fitted to masks whose rows (models) are permuted.

    A good score here is no evidence for the method: poisoned margins rise and fall together, so that even a matrix of noise has
    columns alike on them, which the search follows.

    Args:
        masks: (m, n) bool or packed. margins: (m, n) or shards of it, of the same models before the permutation.
        estimator: maps masks and margins to W (n, n).
        detectors: settings by name, see ``detect``. device: see ``detect``.

    Returns:
        For each detector the scores (permutations, n).

    Memory: that of ``estimator`` and that of ``detect``, one after another.
    """
    scores = {name: [] for name in detectors}
    for number in range(permutations):
        order = generator(root, "permuted masks", number).permutation(masks.shape[0])
        weights = estimator(mask_rows(masks, order), margins)
        for name, detector in detectors.items():
            scores[name].append(detect(weights, detector, root, device)["score"])
        del weights  # before the next is made
    return {name: np.stack(rows) for name, rows in scores.items()}
