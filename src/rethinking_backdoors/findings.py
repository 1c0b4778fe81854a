"""What came out, in sentences that are computed: from the tables that a run wrote, and from what its figures are drawn from."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from rethinking_backdoors.figures import figure9
from rethinking_backdoors.figures.panels import chosen, fit

# An attack is stopped if it succeeds on at most this share (percent) of the triggered images: with ten classes, that of chance.
STOPPED = 10.0
# Poisoned accuracy is restored if it comes within so many points of clean accuracy; the paper's largest gap is 0.92.
RESTORED = 1.0
Table = pd.DataFrame


def experiments(numbers: Iterable[int], everyone: Iterable[int]) -> str:
    """ "experiments 1, 2 and 5", "experiment 3", "no experiment", "every experiment"."""
    numbers, everyone = sorted(set(numbers)), sorted(set(everyone))
    if numbers == everyone and len(numbers) > 1:
        return "every experiment"
    return f"experiment{'s' * (len(numbers) > 1)} {words(map(str, numbers))}" if numbers else "no experiment"


def words(parts: Iterable[str]) -> str:
    """ "a, b and c"."""
    *first, last = list(parts)
    return f"{', '.join(first)} and {last}" if first else last


def span(values: pd.Series, digits: int = 1) -> str:
    """ "65.1 (experiment 7) to 100.0 (experiment 3)" of values by experiment; one number where they agree."""
    low, high = (f"{value:.{digits}f}" for value in (values.min(), values.max()))
    if low == high:
        return f"{low}"
    return f"{low} (experiment {values.idxmin()}) to {high} (experiment {values.idxmax()})"


def column(table: Table, row: str, name: str, part: str = "value") -> pd.Series:
    """The values of one row and column of a table in long form, by experiment; empty if it has none."""
    lines = table[(table["row"] == row) & (table["column"] == name)]
    return lines.set_index("experiment")[part]


def rows(table: Table) -> list[str]:
    """The rows that stand for a defense or a rule, in the table's order."""
    return [row for row in dict.fromkeys(table["row"]) if row != "none"]


def attacks(tables: dict[str, Table]) -> str:
    """Table 1."""
    clean, poisoned = (column(tables["table1"], "none", f"{kind}_accuracy") for kind in ("clean", "poisoned"))
    return (
        f"Clean accuracy is {span(clean)} %. With the trigger it is {span(poisoned)} %, so that the attacks take away "
        f"{span(clean - poisoned)} points."
    )


def oracle(tables: dict[str, Table]) -> str:
    """Table 2."""
    table = tables["table2"]
    first, without = (column(table, "oracle", name) for name in ("auroc", "auroc_without_self"))
    text = f"The AUROC is {span(first)}, without self-influence {span(without)}."
    for name in dict.fromkeys(table["column"]):
        if name.startswith("auroc_alpha"):
            for experiment, value in column(table, "oracle", name).items():
                percent = name.removeprefix("auroc_alpha")
                before = f"{first[experiment]:.1f} with those of its first fraction"
                text += f" Experiment {experiment} has {value:.1f} with subsets of {percent} % and {before}."
    return text


def accuracies(tables: dict[str, Table]) -> str:
    """Table 3, a sentence for each defense."""
    table, text = tables["table3"], []
    before = column(table, "none", "clean_accuracy")
    for row in rows(table):
        clean, poisoned = (column(table, row, f"{kind}_accuracy") for kind in ("clean", "poisoned"))
        gap, cost = clean - poisoned, before - clean
        text.append(
            f"``{row}`` brings poisoned accuracy to within {RESTORED:g} point of clean accuracy in "
            f"{experiments(gap.index[gap <= RESTORED], gap.index)}; the largest gap is {gap.max():.1f} points (experiment "
            f"{gap.idxmax()}). Clean accuracy falls by {cost.mean():.1f} points on average and by {cost.max():.1f} at most "
            f"(experiment {cost.idxmax()})."
        )
    return " ".join(text)


def rankings(tables: dict[str, Table]) -> str:
    """Table 4, a sentence or two for each rule."""
    table, text = tables["table4"], []
    for row in rows(table):
        score, within, control = (column(table, row, f"auroc_{name}") for name in ("scores", "within_target", "permuted_masks"))
        sentence = f"``{row}`` has an AUROC of {span(score)}"
        sentence += f", within the target class {span(within)}" if len(within) else ""
        if len(control):
            low = column(table, row, "auroc_scores", "low")
            high = column(table, row, "auroc_permuted_masks", "high")
            above, clear = score.index[score > control], low.index[low > high]
            sentence += (
                f"; it lies above its control in {experiments(above, score.index)}, with intervals that do not touch "
                f"in {experiments(clear, score.index)}"
            )
        text.append(f"{sentence}.")
    return " ".join(text)


def successes(tables: dict[str, Table]) -> str:
    """Table 6, a sentence for each defense."""
    table = tables["table6"]
    text = [f"Without a defense the attacks succeed on {span(column(table, 'none', 'asr'))} % of the images."]
    for row in rows(table):
        asr = column(table, row, "asr")
        text.append(
            f"``{row}`` stops {experiments(asr.index[asr <= STOPPED], asr.index)} (success at most {STOPPED:g} %); the highest "
            f"success is {asr.max():.1f} % (experiment {asr.idxmax()})."
        )
    return " ".join(text)


def removals(tables: dict[str, Table]) -> str:
    """What each defense removed, a sentence each."""
    table, text = tables["defenses"], []
    before = column(table, "none", "target_class_accuracy")
    for row in rows(table):
        left, caught = (column(table, row, name) for name in ("poison_left", "poison_removed"))
        loss = before - column(table, row, "target_class_accuracy")
        text.append(
            f"``{row}`` leaves at most one poisoned example on average in {experiments(left.index[left <= 1], left.index)}, and "
            f"most of the poison in {experiments(left.index[left > caught], left.index)}. The target class loses "
            f"{max(loss.max(), 0):.1f} points of accuracy at most (experiment {loss.idxmax()})."
        )
    return " ".join(text)


def compute(tables: dict[str, Table]) -> str:
    """Figure 10 and its table: how many models are enough, for each estimator and experiment."""
    table, text = tables["compute"], []
    auroc = table[table["column"] == "auroc"]
    for estimator, lines in auroc.groupby("estimator", sort=False):
        parts = []
        for experiment, of in lines.groupby("experiment"):
            real, control = (of[of["masks"] == masks].set_index("models")["value"] for masks in ("real", "permuted"))
            most = real.index.max()
            enough = real.index[real >= real[most] - 1].min()
            near = f"within a point of it from {enough:,} models on"
            parts.append(f"{real[most]:.1f} in experiment {experiment} (control {control[most]:.1f}; {near})")
        text.append(f"``{estimator}`` reaches an AUROC of {words(parts)}.")
    return " ".join(text)


def spent(tables: dict[str, Table]) -> str:
    """Cost."""
    cost = tables["cost"]
    by_rule = cost.groupby("rule")["cpu_s"].sum().sort_values(ascending=False)
    first = words(f"``{rule}`` ({100 * seconds / by_rule.sum():.0f} %)" for rule, seconds in by_rule.head(3).items())
    wall, cpu = cost["wall_s"].sum() / 60, cost["cpu_s"].sum() / 60
    return (
        f"{cost['jobs'].sum():,} jobs took {wall:.1f} minutes one after another, and {cpu:.1f} minutes of processor time, most "
        f"of it for {first}. No job took more than {cost['max_rss_mb'].max() / 1000:.1f} GB."
    )


def verdicts(name: str, what: str) -> Callable[[dict[str, Table]], str]:
    """How often each verdict was given, for the tables that end in verdicts."""

    def sentence(tables: dict[str, Table]) -> str:
        counts = tables[name]["verdict"].value_counts()
        return f"Of {counts.sum()} {what}: {words(f'{count} {verdict}' for verdict, count in counts.items())}."

    return sentence


# From the tables of a run, by name of the table or figure that they are about.
TABLES: dict[str, Callable[[dict[str, Table]], str]] = {
    "table1": attacks,
    "table2": oracle,
    "table3": accuracies,
    "table4": rankings,
    "table6": successes,
    "defenses": removals,
    "compute": compute,
    "figure10": compute,
    "figure11": rankings,
    "cost": spent,
    "verification": verdicts("verification", "numbers of the paper"),
    "claims": verdicts("claims", "claims"),
}


def listed(parts: dict[int, str]) -> str:
    """ "1: ...; 2: ..." by experiment, or without the number where there is one experiment only."""
    return "; ".join(f"{number}: {part}" for number, part in parts.items()) if len(parts) > 1 else words(parts.values())


def rises(strengths: dict[int, dict[str, np.ndarray]], shown: Iterable[int]) -> str:
    """Figures 3, 5 and 7: least-squares slopes of the group means, in logits for each further poisoned example."""
    slopes = {}
    for number in shown:
        arrays = strengths[number]
        known = np.isfinite(arrays["g_poisoned"]) & np.isfinite(arrays["g_clean"])
        poisoned, clean = (fit(arrays["k"][known], arrays[f"g_{group}"][known])[0] for group in ("poisoned", "clean"))
        slopes[number] = f"{poisoned:+.3f} / {clean:+.3f}"
    return (
        "Change of the mean margin of poisoned / clean examples with every further poisoned example in the subset, in logits, "
        f"{_by(slopes)}: {listed(slopes)}."
    )


def agreement(strengths: dict[int, dict[str, np.ndarray]], shown: Iterable[int]) -> str:
    """Figures 4 and 8: slope and correlation of measured on estimated strength."""
    parts = {}
    for number in shown:
        arrays = strengths[number]
        x, y, poisoned = arrays["estimate_half"], arrays["measured_half"], arrays["poisoned"]
        (slope, _, r), (_, _, everyone) = fit(x[poisoned], y[poisoned]), fit(x, y)
        parts[number] = f"{slope:.2f} / {r:.2f} / {everyone:.2f}"
    return f"Slope among the poisoned / correlation among the poisoned / among all examples, {_by(parts)}: {listed(parts)}."


def pairs(weights: dict[int, np.ndarray], poisoned: dict[int, np.ndarray]) -> str:
    """Figure 9: the mean weight of each group of pairs."""
    means = {number: _means(weights[number], poisoned[number]) for number in sorted(weights)}
    first = [number for number, (clean, between, poison) in means.items() if poison > max(clean, between)]
    parts = {number: f"{poison:+.4f} / {between:+.4f} / {clean:+.4f}" for number, (clean, between, poison) in means.items()}
    return (
        f"Poison-to-poison weights are the largest on average in {experiments(first, means)}. Means of poison to poison / "
        f"poison to clean / clean to clean in logits, {_by(parts)}: {listed(parts)}."
    )


def _means(weights: np.ndarray, poisoned: np.ndarray) -> list[float]:
    """Clean to clean, poison to clean, poison to poison."""
    edges = np.array([-1.0, 1.0])
    return [figure9.histogram(weights, *group, edges)[1] for group in figure9.groups(weights, poisoned).values()]


def changes(images: np.ndarray, poisons: dict[int, dict[str, np.ndarray]]) -> str:
    """Figure 6: how many pixels differ between a poisoned image and its original, and by how much."""
    parts = {}
    for number, poison in sorted(poisons.items()):
        difference = poison["image"].astype(float) - images[poison["index"]]
        pixels = (difference != 0).any(axis=3).sum((1, 2)).mean()
        length = np.sqrt((difference**2).sum((1, 2, 3))).mean()
        parts[number] = f"{pixels:.1f} / {length:.0f}"
    return (
        "Pixels in which a poisoned image differs from its original / L2 distance between the two on the scale 0..255, means "
        f"{_by(parts)}: {listed(parts)}."
    )


def _by(parts: dict[int, str]) -> str:
    return "by experiment" if len(parts) > 1 else f"in experiment {min(parts)}"


# From the arrays that a figure is drawn from, by its name. The arguments are those of its ``draw``.
FIGURES: dict[str, Callable[..., str]] = {
    "figure3": lambda strengths, titles: rises(strengths, chosen(strengths, 5)),
    "figure4": lambda strengths, titles: agreement(strengths, chosen(strengths, 8)),
    "figure5": lambda strengths, titles: rises(strengths, chosen(strengths, 2)),
    "figure6": lambda images, poisons, triggers, titles: changes(images, poisons),
    "figure7": lambda strengths, titles: rises(strengths, sorted(strengths)),
    "figure8": lambda strengths, titles: agreement(strengths, sorted(strengths)),
    "figure9": lambda weights, poisoned, titles: pairs(weights, poisoned),
}
