"""What came out, from the tables that a run wrote."""

from collections.abc import Callable, Iterable

import pandas as pd

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
    """The values of one row and column of a table in long form, by experiment with an attack; empty if it has none."""
    lines = table[(table["row"] == row) & (table["column"] == name) & (table["experiment"] != 0)]
    return lines.set_index("experiment")[part]


def rows(table: Table) -> list[str]:
    """The rows that stand for a defense or a detector, in the table's order."""
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
    """Table 4, a sentence or two for each detector."""
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
    unpoisoned = table[(table["experiment"] == 0) & (table["column"] == "removed")].set_index("row")["value"]
    clean = tables["table3"].query("experiment == 0 and column == 'clean_accuracy'").set_index("row")["value"]
    for row in rows(table):
        left, caught = (column(table, row, name) for name in ("poison_left", "poison_removed"))
        loss = before - column(table, row, "target_class_accuracy")
        text.append(
            f"``{row}`` leaves at most one poisoned example on average in {experiments(left.index[left <= 1], left.index)}, and "
            f"most of the poison in {experiments(left.index[left > caught], left.index)}. The target class loses "
            f"{max(loss.max(), 0):.1f} points of accuracy at most (experiment {loss.idxmax()})."
        )
        if row in unpoisoned.index:
            cost = clean["none"] - clean[row]
            text.append(f"Without an attack it removes {unpoisoned[row]:.0f} examples, for {cost:.1f} points of clean accuracy.")
    return " ".join(text)


def curves(tables: dict[str, Table]) -> str:
    """Figure 11: the area below the curves of every defense that makes scores."""
    table, text = tables["defenses"], []
    for row in rows(table):
        area = column(table, row, "auroc_within_target")
        if len(area):
            text.append(f"``{row}`` has an AUROC within the target class of {span(area)}, on average {area.mean():.1f}.")
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
        table = tables[name]
        if name == "claims":  # the paper's own, over all experiments
            table = table[(table["experiment"] == "all") & table["claimed"]]
        counts = table["verdict"].value_counts()
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
    "figure11": curves,
    "cost": spent,
    "verification": verdicts("verification", "numbers of the paper"),
    "claims": verdicts("claims", "claims"),
}


def listed(parts: dict[int, str]) -> str:
    """ "1: ...; 2: ..." by experiment, or without the number where there is one experiment only."""
    return "; ".join(f"{number}: {part}" for number, part in parts.items()) if len(parts) > 1 else words(parts.values())
