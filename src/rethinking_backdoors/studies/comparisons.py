"""What the choices cost and gain: estimators against numbers of models, detectors, exact against released search.

All of these look at the truth in order to compare. A setting may be chosen by them, but only on seeds that are not reported.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from rethinking_backdoors.datamodels import Margins, difference_in_means, weights_of
from rethinking_backdoors.detection.pairs import pair_sums
from rethinking_backdoors.detection.released import search_released
from rethinking_backdoors.detection.scores import detect, frequencies, scores
from rethinking_backdoors.detection.search import STARTS, search_pairs
from rethinking_backdoors.evaluation.tables import COLUMNS, interval
from rethinking_backdoors.margins.arrays import mask_rows
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.studies import explanations, growing
from rethinking_backdoors.studies.setting import Row, Setting


def models_against_accuracy(
    setting: Setting, *, estimators: list[str], models: list[int], detector: dict[str, Any]
) -> Iterator[Row]:
    """Figure 10: detection by one detector for each estimator and number of models, on W and on W of permuted masks.

    Args:
        models: the first so many of the setting's models are used. detector: see ``detect``.
    """
    for count in models:
        margins = Margins(setting.margins, np.arange(setting.masks.shape[0]) < count)
        order = generator(setting.root, "permuted masks", 0).permutation(count)
        for name in estimators:
            for masks, chosen in (("real", slice(count)), ("permuted", order)):
                weights = weights_of(name)(mask_rows(setting.masks, chosen), margins)
                row = {"estimator": name, "models": count, "masks": masks}
                yield row | setting.judge(detect(weights, detector, setting.root)["score"])


def rule_choices(setting: Setting, *, sizes: list[int], restarts: int) -> Iterator[Row]:
    """Every combination of what a detector can choose, on differences in means of all models.

    Args:
        sizes: ascending at steps of the square root of 2; ``doubling`` takes every other one of them.
    """
    whole = pair_sums(difference_in_means(setting.masks, setting.margins))
    for self_influence, pairs in (("kept", whole), ("zeroed", whole.without_self())):
        for starts in STARTS:
            found = search_pairs(pairs, sizes, restarts, seed=setting.root, starts=starts)
            for kept in (1.0, 0.5, 0.3, 0.1, 1 / restarts):
                counts = frequencies(found, len(setting.poisoned), kept)
                for steps, taken in (("sqrt2", slice(None)), ("doubling", slice(None, None, 2))):
                    for exponent in (1.0, 0.5, 0.0):
                        row = {"self_influence": self_influence, "starts": starts, "kept": kept}
                        row |= {"steps": steps, "weight_exponent": exponent}
                        yield row | setting.judge(scores(counts[taken], found.sizes[taken], exponent))


def exact_against_released(setting: Setting, *, sizes: list[int], restarts: int) -> Iterator[Row]:
    """Eq. 7 searched exactly, and the rule of the authors' public code in both orientations, from the same random starts.

    W are differences in means of all models without self-influence, which the released rule does not see. Each row holds
    ``objective``: eq. 7 at the restarts' sets in percent of the best that any search found (mean over restarts and sizes);
    ``best_objective``, the same of the best restart; ``certified``, the percentage that no single swap improves; and the standard
    deviations of W's row and column sums.
    """
    weights = difference_in_means(setting.masks, setting.margins)
    np.fill_diagonal(weights, 0)
    found = {"exact": search_pairs(pair_sums(weights), sizes, restarts, seed=setting.root)}
    for orientation in ("train-columns", "train-rows"):
        name = f"released, {orientation}"
        found[name] = search_released(weights, sizes, restarts, seed=setting.root, orientation=orientation)
    best = np.max([solutions.objective.max(1) for solutions in found.values()], axis=0)[:, None]
    spread = {"row_sum_sd": float(weights.sum(1).std()), "column_sum_sd": float(weights.sum(0).std())}
    for name, solutions in found.items():
        reached = 100 * solutions.objective / best
        row = {"search": name, "objective": float(reached.mean()), "best_objective": float(reached.max(1).mean())}
        row |= {"certified": 100 * float(solutions.certified.mean()), **spread}
        yield row | setting.judge(scores(frequencies(solutions, len(weights)), solutions.sizes))


# By the names of the configuration's section ``comparisons``.
COMPARISONS: dict[str, Callable[..., Iterator[Row]]] = {
    "compute": models_against_accuracy,
    "compute_full": models_against_accuracy,
    "choices": rule_choices,
    "released": exact_against_released,
    "control": explanations.spread_of_margins,
    "lasso": explanations.lasso_penalties,
    "convergence": explanations.convergence,
    "growth": growing.growth,
    "laws": explanations.laws_of_margins,
}
# What is no percentage.
_UNBOUNDED = ("l2", "left", "sd", "spread", "unexplained", "flagged", "removed", "needed", "z")
MEASURED = [
    "auroc",
    "auroc_within_target",
    "poison_left",
    "objective",
    "best_objective",
    "certified",
    "row_sum_sd",
    "column_sum_sd",
    "spread",
    "zeros",
    "unexplained",
    # Of the scan, see ``scanned``.
    "alarm",
    "look",
    "p_value",
    "apart",
    "right_label",
    "flagged",
    "clean_flagged",
    "asr",
    "clean_accuracy",
    # Of trusted sets, see ``trusting``.
    "z",
    # Of attacks alone, see ``evaluation.retraining`` and ``evaluation.metrics``.
    "poisoned_accuracy",
    "target_class_accuracy",
    "l2",
    "changed",
    "similarity",
    # Of what removal costs, see ``evaluation.retraining``.
    "worst_class_accuracy",
    "hardest_tenth_accuracy",
    "clean_removed",
    # Of votes, see ``certifying``.
    "certified_accuracy",
    # Of the price of detection, see ``price``.
    "models_needed",
    "price_needed",
]


def of_every_seed(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """The numbers of every seed in the long form of ``tables.COLUMNS``: the table is called ``name``, a row all that was varied.

    Args:
        rows: ``experiment``, ``seed``, what was varied, and what was measured, one line for each combination.
    """
    measured = [column for column in MEASURED if column in rows.columns]
    varied = [column for column in rows.columns if column not in ("experiment", "seed", *measured)]
    row = rows[varied].astype(str).agg(" ".join, axis=1)
    numbers = rows.assign(table=name, row=row).melt(["table", "experiment", "row", "seed"], measured, "column", "value").dropna()
    return numbers[COLUMNS].round({"value": 4})


def summarize(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with 95 % intervals, one line a number.

    Args:
        rows: see ``of_every_seed``.

    Returns:
        ``experiment``, what was varied, ``column``, ``value``, ``low``, ``high`` (cut as in the other tables), ``seeds`` (which).
    """
    varied = [name for name in rows.columns if name not in ("seed", *MEASURED)]
    measured = [name for name in MEASURED if name in rows.columns]
    lines = []
    for key, cell in rows.groupby(varied, sort=False):
        seeds = " ".join(map(str, cell["seed"]))
        for column in measured:
            if cell[column].isna().any():  # not every row measures everything
                continue
            value, low, high = interval(cell[column].to_numpy())
            low, high = np.clip([low, high], 0, None if column.endswith(_UNBOUNDED) else 100)
            lines.append((*key, column, *np.round([value, low, high], 4), seeds))
    return pd.DataFrame(lines, columns=[*varied, "column", "value", "low", "high", "seeds"])
