"""The numbers of every seed in long form, and the paper's tables made from them: means and intervals over seeds."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from rethinking_backdoors.detection.scores import ranking
from rethinking_backdoors.evaluation.metrics import auroc, precision_at_p
from rethinking_backdoors.io import read_json, read_npz

COUNTS = ("removed", "left", "told_poisoned", "told_clean")  # endings of columns that are no percentages
COLUMNS = ["table", "experiment", "row", "column", "seed", "value"]
Row = tuple[str, str, str, float]


@dataclass(frozen=True)
class Files:
    """The files of one experiment and seed, each by the name of its defense or detector and its subset fraction in percent.

    ``retrained`` has "none"; ``suspicion`` holds the scores of baselines and yardsticks. Where nothing is poisoned ``strength``
    and ``control`` are empty. The last subset fraction is the one of detection, and of ``control``.
    """

    images: str
    poison: str
    retrained: dict[str, str]
    removed: dict[str, str]
    suspicion: dict[str, str]
    strength: dict[int, str]
    detection: dict[tuple[str, int], str]
    control: dict[str, str]


def numbers(files: Files, target_class: int) -> Iterator[Row]:
    """Every number of one experiment and seed: table, row, column, value. Percentages and AUROCs are 0..100."""
    facts = truth(files.poison, files.images, target_class)
    rows = [*_retrained(files, facts)]
    if facts["poisoned"].any():
        rows += [*_suspicions(files, facts), *_estimates(files.strength), *_scores(files, facts)]
    for table, row, column, value in rows:
        yield table, row, column, round(float(value), 4)


def truth(poison: str | Path, images: str | Path, target_class: int) -> dict[str, np.ndarray]:
    """Of one experiment and seed: ``poisoned`` (n,) bool, and ``target`` (n,) bool, labelled as the target class.

    Of attacks without one target class: labelled as any class that a poisoned example has.
    """
    label = read_npz(images, "train_label")["train_label"]
    made = read_npz(poison, "index", "label")
    label[made["index"]] = made["label"]
    poisoned = np.zeros(len(label), dtype=bool)
    poisoned[made["index"]] = True
    return {"poisoned": poisoned, "target": np.isin(label, made["label"] if len(made["label"]) else target_class)}


def _retrained(files: Files, truth: dict[str, np.ndarray]) -> Iterator[Row]:
    """Tables 1, 3 and 6 and what each defense removed."""
    for defense, path in files.retrained.items():
        measured = read_json(path)
        for column in ("clean_accuracy", "poisoned_accuracy"):
            if defense == "none":
                yield "table1", defense, column, measured[column]
            yield "table3", defense, column, measured[column]
        yield "table6", defense, "asr", measured["asr"]
        found = {"removed": [], "oracle": {}} if defense == "none" else read_json(files.removed[defense])
        removed, told = found["removed"], found["oracle"]
        caught = int(truth["poisoned"][removed].sum())
        yield "defenses", defense, "removed", len(removed)
        yield "defenses", defense, "poison_removed", caught
        yield "defenses", defense, "clean_removed", len(removed) - caught
        yield "defenses", defense, "poison_left", int(truth["poisoned"].sum()) - caught
        yield "defenses", defense, "target_class_accuracy", measured["target_class_accuracy"]
        yield "defenses", defense, "told_target_class", int("target_class" in told)
        yield "defenses", defense, "told_poisoned", told.get("poisoned", 0)
        if "clean" in told:
            yield "defenses", defense, "told_clean", told["clean"]


def scores_by_defense(paths: dict[str, str]) -> dict[str, np.ndarray]:
    """The scores (n,) of every defense that makes scores, higher is more suspicious, from the files that hold them."""
    found = {}
    for defense, path in paths.items():
        score = read_npz(path, "score")["score"]
        if len(score):
            # Examples that a defense did not look at are the least suspicious; scikit-learn takes no infinite scores.
            found[defense] = np.maximum(score, np.finfo(np.float64).min)
    return found


def _suspicions(files: Files, truth: dict[str, np.ndarray]) -> Iterator[Row]:
    """How well each defense's scores find the poison among the examples of the target class."""
    target, percent = truth["target"], list(files.strength)[-1]
    detections = {detector: path for (detector, at), path in files.detection.items() if at == percent}
    for defense, score in scores_by_defense(files.suspicion | detections).items():
        yield "defenses", defense, "auroc_within_target", auroc(score[target], truth["poisoned"][target])


def _estimates(strengths: dict[int, str]) -> Iterator[Row]:
    """Table 2: how well Lemma 1's estimate with the true indicator separates; without self-influence as a control."""
    first = next(iter(strengths))
    for percent, path in strengths.items():
        strength, suffix = read_npz(path), "" if percent == first else f"_alpha{percent}"
        yield "table2", "oracle", f"auroc{suffix}", auroc(strength["estimate"], strength["poisoned"])
        without = auroc(strength["estimate_without_self"], strength["poisoned"])
        yield "table2", "oracle", f"auroc_without_self{suffix}", without


def _scores(files: Files, truth: dict[str, np.ndarray]) -> Iterator[Row]:
    """Table 4: the scores' AUROC, what the overall AUROC hides, and the controls. The last alpha is the one of detection."""
    poisoned, target, percents = truth["poisoned"], truth["target"], list(files.strength)
    strength = read_npz(files.strength[percents[-1]], "margin_sd", "margin_mean")
    for detector in dict.fromkeys(detector for detector, _ in files.detection):
        for percent in percents:
            score, seed = read_npz(files.detection[detector, percent], "score")["score"], 0
            suffix = "" if percent == percents[-1] else f"_alpha{percent}"
            yield "table4", detector, f"auroc_scores{suffix}", auroc(score, poisoned)
            yield "table4", detector, f"auroc_within_target{suffix}", auroc(score[target], poisoned[target])
            yield "table4", detector, f"precision_at_p{suffix}", precision_at_p(poisoned, ranking(score, seed))
        control = read_npz(files.control[detector], "score", "permuted")
        count = len(read_json(files.removed[detector])["removed"])
        permuted = control["permuted"]
        for name, rows in (("crossfit", control["score"][None]), ("permuted", permuted[:1]), ("permuted_mean", permuted)):
            judged = [cross_fit(score, poisoned, target, count) for score in rows]
            for column in judged[0]:
                yield "table4", detector, f"{name}_{column}", float(np.mean([values[column] for values in judged]))
        yield "table4", detector, "auroc_label_only", auroc(target.astype(float), poisoned)
        yield "table4", detector, "auroc_margin_sd", auroc(strength["margin_sd"], poisoned)
        yield "table4", detector, "auroc_margin_mean", auroc(strength["margin_mean"], poisoned)


def cross_fit(score: np.ndarray, poisoned: np.ndarray, target: np.ndarray, count: int) -> dict[str, float]:
    """What cross-fitted scores (2, n) are worth, mean over the directions: AUROC in percent, the same within the label, and how
    much of the poison is left if ``count`` are removed."""
    return {
        "auroc": float(np.mean([auroc(one, poisoned) for one in score])),
        "auroc_within_target": float(np.mean([auroc(one[target], poisoned[target]) for one in score])),
        "poison_left": float(np.mean([poisoned.sum() - poisoned[ranking(one, 0)[:count]].sum() for one in score])),
    }


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and the ends of the 95 % Student-t interval of the mean; with one value the interval is unbounded (NaN)."""
    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return mean, float("nan"), float("nan")
    half = float(stdtrit(count - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(count))
    return mean, mean - half, mean + half


def summarize(seeds: pd.DataFrame, table: str) -> pd.DataFrame:
    """One table of the paper from the numbers of every seed.

    Returns:
        One line a cell: experiment, row, column, value (mean over seeds), low, high (95 % interval; cut at 0, for
        shares and AUROCs also at 100), seeds (how many).
    """
    chosen = seeds[seeds["table"] == table]
    lines = []
    for (experiment, row, column), cell in chosen.groupby(["experiment", "row", "column"], sort=False):
        value, low, high = interval(cell["value"].to_numpy())
        low, high = np.clip([low, high], 0, None if column.endswith(COUNTS) else 100)
        lines.append((experiment, row, column, *np.round([value, low, high], 4), len(cell)))
    return pd.DataFrame(lines, columns=["experiment", "row", "column", "value", "low", "high", "seeds"])
