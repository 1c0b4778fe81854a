"""The numbers of every seed in long form, and the paper's tables made from them: means and intervals over seeds."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from rethinking_backdoors.detection.scores import ranking
from rethinking_backdoors.io import read_json, read_npz
from rethinking_backdoors.metrics import auroc, precision_at_p

TABLES = ("table1", "table2", "table3", "table4", "table6", "defenses")
COUNTS = ("removed", "left", "told_poisoned")  # endings of columns that are no percentages
COLUMNS = ["table", "experiment", "row", "column", "seed", "value"]
Row = tuple[str, str, str, float]


def collect(
    results: str | Path,
    experiments: dict[int, dict],
    defenses: list[str],
    rules: list[str],
    target_class: int,
    seeds: list[int],
) -> pd.DataFrame:
    """Every number of every experiment and seed, read from the files of a run.

    Args:
        results: the folder of the data set's results.
        experiments: the configuration's experiments by number.
        defenses: rows of Tables 3 and 6, "none" first. rules: rows of Table 4, of attacks only.

    Returns:
        One line a number: table, experiment, row, column, seed, value. Percentages and AUROCs are 0..100.
    """
    lines = []
    for number, experiment in experiments.items():
        for seed in seeds:
            folder, images = Path(results, f"exp{number}", f"seed{seed}"), Path(results, "images", f"seed{seed}.npz")
            facts = truth(folder / "poison.npz", images, target_class)
            percents = [round(100 * alpha) for alpha in experiment["alphas"]]
            rows = [*_retrained(folder, defenses, facts)]
            if facts["poisoned"].any():
                rows += [*_suspicions(folder, defenses, rules, percents[-1], facts), *_estimates(folder, percents)]
                rows += _scores(folder, percents, rules, facts)
            lines += [(table, number, row, column, seed, round(value, 4)) for table, row, column, value in rows]
    return pd.DataFrame(lines, columns=COLUMNS)


def truth(poison: str | Path, images: str | Path, target_class: int) -> dict[str, np.ndarray]:
    """Of one experiment and seed: ``poisoned`` (n,) bool, and ``target`` (n,) bool, labelled as the target class."""
    label = read_npz(images, "train_label")["train_label"]
    made = read_npz(poison, "index", "label")
    label[made["index"]] = made["label"]
    poisoned = np.zeros(len(label), dtype=bool)
    poisoned[made["index"]] = True
    return {"poisoned": poisoned, "target": label == target_class}


def _retrained(folder: Path, defenses: list[str], truth: dict[str, np.ndarray]) -> Iterator[Row]:
    """Tables 1, 3 and 6 and what each defense removed."""
    for defense in defenses:
        measured = read_json(folder / "retrain" / f"{defense}.json")
        for column in ("clean_accuracy", "poisoned_accuracy"):
            if defense == "none":
                yield "table1", defense, column, measured[column]
            yield "table3", defense, column, measured[column]
        yield "table6", defense, "asr", measured["asr"]
        found = {"removed": [], "oracle": {}}
        if defense != "none":
            found = read_json(folder / "defenses" / f"{defense}.json")
        removed, told = found["removed"], found["oracle"]
        caught = int(truth["poisoned"][removed].sum())
        yield "defenses", defense, "removed", len(removed)
        yield "defenses", defense, "poison_removed", caught
        yield "defenses", defense, "clean_removed", len(removed) - caught
        yield "defenses", defense, "poison_left", int(truth["poisoned"].sum()) - caught
        yield "defenses", defense, "target_class_accuracy", measured["target_class_accuracy"]
        yield "defenses", defense, "told_target_class", int("target_class" in told)
        yield "defenses", defense, "told_poisoned", told.get("poisoned", 0)


def suspicions(folder: Path, defenses: list[str], rules: list[str], percent: int) -> dict[str, np.ndarray]:
    """The scores (n,) of every defense of one experiment and seed that makes scores, higher is more suspicious.

    Args:
        folder: of the experiment and seed. percent: the subset fraction of detection.
    """
    found = {}
    for defense in defenses:
        place = f"alpha{percent}/detection_{defense}.npz" if defense in rules else f"defenses/{defense}.npz"
        score = [] if defense == "none" else read_npz(folder / place, "score")["score"]
        if len(score):
            # Examples that a defense did not look at are the least suspicious; scikit-learn takes no infinite scores.
            found[defense] = np.maximum(score, np.finfo(np.float64).min)
    return found


def _suspicions(folder: Path, defenses: list[str], rules: list[str], percent: int, truth: dict[str, np.ndarray]) -> Iterator[Row]:
    """How well each defense's scores find the poison among the examples of the target class."""
    target = truth["target"]
    for defense, score in suspicions(folder, defenses, rules, percent).items():
        yield "defenses", defense, "auroc_within_target", auroc(score[target], truth["poisoned"][target])


def _estimates(folder: Path, percents: list[int]) -> Iterator[Row]:
    """Table 2: how well Lemma 1's estimate with the true indicator separates; without self-influence as a control."""
    for percent in percents:
        strength = read_npz(folder / f"alpha{percent}" / "strength.npz")
        suffix = "" if percent == percents[0] else f"_alpha{percent}"
        yield "table2", "oracle", f"auroc{suffix}", auroc(strength["estimate"], strength["poisoned"])
        yield (
            "table2",
            "oracle",
            f"auroc_without_self{suffix}",
            auroc(strength["estimate_without_self"], strength["poisoned"]),
        )


def _scores(folder: Path, percents: list[int], rules: list[str], truth: dict[str, np.ndarray]) -> Iterator[Row]:
    """Table 4: the scores' AUROC, what the overall AUROC hides, and the controls. The last alpha is the one of detection."""
    poisoned, target = truth["poisoned"], truth["target"]
    for rule in rules:
        for percent in percents:
            place = folder / f"alpha{percent}"
            score, seed = read_npz(place / f"detection_{rule}.npz", "score")["score"], 0
            suffix = "" if percent == percents[-1] else f"_alpha{percent}"
            yield "table4", rule, f"auroc_scores{suffix}", auroc(score, poisoned)
            yield "table4", rule, f"auroc_within_target{suffix}", auroc(score[target], poisoned[target])
            yield "table4", rule, f"precision_at_p{suffix}", precision_at_p(poisoned, ranking(score, seed))
            control = read_npz(place / f"detection_{rule}_permuted.npz", "score")["score"]
            yield (
                "table4",
                rule,
                f"auroc_permuted_masks{suffix}",
                float(np.mean([auroc(row, poisoned) for row in control])),
            )
        strength = read_npz(folder / f"alpha{percents[-1]}" / "strength.npz", "margin_sd", "margin_mean")
        yield "table4", rule, "auroc_label_only", auroc(target.astype(float), poisoned)
        yield "table4", rule, "auroc_margin_sd", auroc(strength["margin_sd"], poisoned)
        yield "table4", rule, "auroc_margin_mean", auroc(strength["margin_mean"], poisoned)


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
