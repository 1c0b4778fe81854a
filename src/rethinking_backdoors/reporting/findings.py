"""What came out, as numbers from the tables that a run wrote; the templates of ``templates/findings`` put them into words."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pandas as pd

from rethinking_backdoors.reporting.words import paragraph

# An attack is stopped if it succeeds on at most this share (percent) of the triggered images: with ten classes, that of chance.
STOPPED = 10.0
# Poisoned accuracy is restored if it comes within so many points of clean accuracy; the paper's largest gap is 0.92.
RESTORED = 1.0
Tables = dict[str, pd.DataFrame]
Finding = dict[str, Any]


def column(table: pd.DataFrame, row: str, name: str, part: str = "value") -> pd.Series:
    """The values of one row and column of a table in long form, by experiment with an attack; empty if it has none."""
    lines = table[(table["row"] == row) & (table["column"] == name) & (table["experiment"] != 0)]
    return lines.set_index("experiment")[part]


def rows(table: pd.DataFrame) -> list[str]:
    """The rows that stand for a defense or a detector, in the table's order."""
    return [row for row in dict.fromkeys(table["row"]) if row != "none"]


def attacks(tables: Tables) -> Finding:
    """Table 1: accuracies by experiment."""
    clean, poisoned = (column(tables["table1"], "none", f"{kind}_accuracy") for kind in ("clean", "poisoned"))
    return {"clean": clean, "poisoned": poisoned, "lost": clean - poisoned}


def oracle(tables: Tables) -> Finding:
    """Table 2: AUROCs by experiment, and of experiments with more than one subset fraction those of the others."""
    table = tables["table2"]
    first, without = (column(table, "oracle", name) for name in ("auroc", "auroc_without_self"))
    others = [
        {"experiment": experiment, "percent": name.removeprefix("auroc_alpha"), "auroc": value, "first": first[experiment]}
        for name in dict.fromkeys(table["column"])
        if name.startswith("auroc_alpha")
        for experiment, value in column(table, "oracle", name).items()
    ]
    return {"auroc": first, "without_self": without, "others": others}


def accuracies(tables: Tables) -> Iterator[Finding]:
    """Table 3: of each defense the gap between the accuracies, and what it costs."""
    table = tables["table3"]
    before = column(table, "none", "clean_accuracy")
    for row in rows(table):
        clean, poisoned = (column(table, row, f"{kind}_accuracy") for kind in ("clean", "poisoned"))
        gap, cost = clean - poisoned, before - clean
        yield {"name": row, "gap": gap, "cost": cost, "restored": gap.index[gap <= RESTORED]}


def rankings(tables: Tables) -> Iterator[Finding]:
    """Table 4: of each detector its AUROCs, and where they lie above those of its control."""
    table = tables["table4"]
    for row in rows(table):
        score, within = (column(table, row, f"auroc_{name}") for name in ("scores", "within_target"))
        real, control = (column(table, row, f"{name}_auroc") for name in ("crossfit", "permuted_mean"))
        found = {"name": row, "auroc": score, "within": within, "crossfit": real, "control": control}
        if len(control):
            low, high = column(table, row, "crossfit_auroc", "low"), column(table, row, "permuted_mean_auroc", "high")
            found |= {"above": real.index[real > control], "apart": low.index[low > high]}
        yield found


def successes(tables: Tables) -> Iterator[Finding]:
    """Table 6: attack success after each defense, the first of them none."""
    table = tables["table6"]
    for row in ["none", *rows(table)]:
        asr = column(table, row, "asr")
        yield {"name": row, "asr": asr, "stopped": asr.index[asr <= STOPPED]}


def removals(tables: Tables) -> Iterator[Finding]:
    """What each defense left of the poison, and what it took from the class and, without an attack, from everyone."""
    table = tables["defenses"]
    before = column(table, "none", "target_class_accuracy")
    unpoisoned = table[(table["experiment"] == 0) & (table["column"] == "removed")].set_index("row")["value"]
    clean = tables["table3"].query("experiment == 0 and column == 'clean_accuracy'").set_index("row")["value"]
    for row in rows(table):
        left, caught = (column(table, row, name) for name in ("poison_left", "poison_removed"))
        found = {"name": row, "left": left, "most": left.index[left > caught], "almost_none": left.index[left <= 1]}
        found |= {"loss": before - column(table, row, "target_class_accuracy"), "controlled": row in unpoisoned.index}
        if row in unpoisoned.index:
            found |= {"removed": unpoisoned[row], "cost": clean["none"] - clean[row]}
        yield found


def curves(tables: Tables) -> Iterator[Finding]:
    """Figure 11: the area below the curves of every defense that makes scores."""
    for row in rows(tables["defenses"]):
        area = column(tables["defenses"], row, "auroc_within_target")
        if len(area):
            yield {"name": row, "area": area}


def compute(tables: Tables) -> Iterator[Finding]:
    """Figure 10 and its table: how many models are enough, for each estimator and experiment."""
    auroc = tables["compute"][tables["compute"]["column"] == "auroc"]
    for estimator, lines in auroc.groupby("estimator", sort=False):
        reached = []
        for experiment, of in lines.groupby("experiment"):
            real, control = (of[of["masks"] == masks].set_index("models")["value"] for masks in ("real", "permuted"))
            most = real.index.max()
            enough = real.index[real >= real[most] - 1].min()
            reached.append({"experiment": experiment, "auroc": real[most], "control": control[most], "enough": enough})
        yield {"name": estimator, "reached": reached}


def spent(tables: Tables) -> Finding:
    """Cost: jobs, minutes, and the rules that took most."""
    cost = tables["cost"]
    by_rule = cost.groupby("rule")["cpu_s"].sum().sort_values(ascending=False)
    return {
        "jobs": cost["jobs"].sum(),
        "wall": cost["wall_s"].sum() / 60,
        "cpu": cost["cpu_s"].sum() / 60,
        "first": (100 * by_rule / by_rule.sum()).head(3),
        "memory": cost["max_rss_mb"].max() / 1000,
    }


def verdicts(name: str, what: str, tables: Tables) -> Finding:
    """How often each verdict was given, for the tables that end in verdicts."""
    table = tables[name]
    if name == "claims":  # the paper's own, over all experiments
        table = table[(table["experiment"] == "all") & table["claimed"]]
    return {"counts": table["verdict"].value_counts(), "what": what}


# By name of the table or figure: its template and, from the tables of a run, one finding or several.
TABLES: dict[str, tuple[str, Callable[[Tables], Finding | Iterator[Finding]]]] = {
    "table1": ("table1", attacks),
    "table2": ("table2", oracle),
    "table3": ("table3", accuracies),
    "table4": ("table4", rankings),
    "table6": ("table6", successes),
    "defenses": ("defenses", removals),
    "compute": ("compute", compute),
    "figure10": ("compute", compute),
    "figure11": ("figure11", curves),
    "cost": ("cost", spent),
    "verification": ("verdicts", partial(verdicts, "verification", "numbers of the paper")),
    "claims": ("verdicts", partial(verdicts, "claims", "claims")),
}


def said(name: str, tables: Tables) -> str:
    """What came out of a table, in one paragraph; empty if nothing is said of it."""
    if name not in TABLES:
        return ""
    template, found = TABLES[name]
    return paragraph(f"findings/{template}.txt", found=found(tables), STOPPED=STOPPED, RESTORED=RESTORED)
