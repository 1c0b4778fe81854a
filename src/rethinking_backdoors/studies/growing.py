"""Detection with more and more models beside everything that costs less: its control, the spread of margins, the label alone."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rethinking_backdoors.datamodels import Margins, weights_of
from rethinking_backdoors.detection.control import cross_fitted
from rethinking_backdoors.detection.pairs import pair_sums
from rethinking_backdoors.detection.scores import searched, solve, summarize
from rethinking_backdoors.margins.arrays import mask_rows, moments
from rethinking_backdoors.studies.setting import Row, Setting


def growth(setting: Setting, *, models: list[int], detectors: dict[str, dict[str, Any]]) -> Iterator[Row]:
    """When does a detector part from its control? Differences in means of the first so many models.

    ``judged``: on the same models that the sets were found on; on other models, see ``cross_fitted``; and there with the rows of
    the masks permuted. Rows ``margin_sd`` and ``label`` search nothing: the spread of an example's margins, and whether it is of
    the target class.

    Memory: one matrix beside that of the fit.
    """
    estimator = weights_of("difference", storage=setting.storage)
    for count in models:
        masks, margins = (
            mask_rows(setting.masks, slice(count)),
            Margins(setting.margins, np.arange(setting.masks.shape[0]) < count),
        )
        start: Row = {"models": count}
        yield start | {"detector": "margin_sd", "judged": "same models"} | setting.judge(moments(margins)[1])
        yield start | {"detector": "label", "judged": "same models"} | setting.judge(setting.target.astype(float))
        for name, score in _scores(estimator(masks, margins), detectors, setting.root):
            yield start | {"detector": name, "judged": "same models"} | setting.judge(score)
        crossed = cross_fitted(masks, margins, estimator, detectors, 1, setting.root)
        for name in detectors:
            for judged, scores in (("other models", crossed[name]["score"]), ("permuted", crossed[name]["permuted"][0])):
                either = [setting.judge(score) for score in scores]
                mean = {key: float(np.mean([one[key] for one in either])) for key in either[0]}
                yield start | {"detector": name, "judged": judged} | mean


def _scores(weights: np.ndarray, detectors: dict[str, dict[str, Any]], root: int) -> Iterator[tuple[str, np.ndarray]]:
    """Of each detector its name and scores (n,); W is lost."""
    pairs = pair_sums(weights, out=weights)
    for name, detector in detectors.items():
        found = solve(searched(pairs, detector), detector, root)
        yield name, summarize(found, len(weights), detector["kept"])["score"]
