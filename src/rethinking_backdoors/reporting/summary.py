"""The readable form of the tables: one Markdown page."""

from collections.abc import Callable

import pandas as pd

from rethinking_backdoors.config import attacked, describe
from rethinking_backdoors.reporting.pages import split

HEAD = """# {dataset}: what came out

Made by the workflow from `tables/*.csv`; do not edit. Means over {seeds} seeds with 95 % intervals (Student t over seeds; a seed
draws the split, the poisoned examples, the subsets and the initialisations anew), percentages 0..100. `paper` is the paper's
detector (eq. 7 and 8), `refined` is this project's; `ac` is Activation Clustering, `ispl` Inverse Self-Paced Learning, `ss`
Spectral Signatures. Experiment 0 is the data set without an attack; its attack success rate is what the trigger does to networks
that never saw it. Every section says what to look at, what the paper has, and what came out here.
"""
# The README takes the table of this section.
ONE_TABLE = """## In one table

Means over seeds. AUROCs are over all examples, each beside that of its control on permuted masks; `ASR after` and
`clean acc. after`: networks retrained without what the detector removed."""
DEFENSES = """## The defenses in one table

Attack success rate / clean accuracy of networks retrained without what each defense removes, means over seeds."""
OVERVIEW = """A replication of Khaddaj et al., *Rethinking Backdoor Attacks*, ICML 2023. The sections on the left hold every
table and figure on a page of its own, with what to look at, what the paper found, and what came out here; the numbers in
these texts are computed from this run's tables. *Statistics* holds the running times of all rules. ``paper`` is the paper's
detector (eq. 7 and 8), ``refined`` is this project's. What came out in short:"""


def page(
    dataset: str, tables: dict[str, pd.DataFrame], experiments: dict[int, dict], captions: dict[str, str], note: str = ""
) -> str:
    """The whole page.

    Args:
        tables: by name, each in the long form of ``tables.summarize``.
        captions: whole caption (see ``report.captions``) of each table and figure by its name, "figure3".
        note: what is not the official data, in words; empty if everything is.
    """
    seeds = int(max(table["seeds"].max() for table in tables.values()))
    parts = [HEAD.format(dataset=dataset, seeds=seeds)]
    parts += [f"The data are not the official ones throughout: {note}."] if note else []
    parts += [ONE_TABLE, headline(tables, experiments), DEFENSES, defended(tables, experiments)]
    for name, caption in captions.items():
        title, body = split(caption)
        parts += [f"## {title}", body]
        parts.append(_markdown(wide(tables[name], experiments)) if name in tables else _picture(dataset, name))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def readable(table: pd.DataFrame, experiments: dict[int, dict]) -> pd.DataFrame:
    """A table as it is shown: those of the paper's form one line for each experiment and row, others as they are."""
    return wide(table, experiments) if {"experiment", "row", "column", "value"} <= set(table.columns) else table


def overview(dataset: str, captions: dict[str, str], note: str = "") -> str:
    """The report's first page (rst): what this is, and what came out, from the captions of the main tables."""
    title = f"Rethinking Backdoor Attacks, replicated: {dataset}"
    parts = [f"{title}\n{'=' * len(title)}", OVERVIEW]
    parts += [f"The data are not the official ones throughout: {note}."] if note else []
    for name in ("claims", "verification", "table1", "table2", "table4", "table3", "table6"):
        if name in captions:
            title, body = split(captions[name])
            parts.append(f"**{title}.** {body.rpartition('**Here.** ')[2]}")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def wide(table: pd.DataFrame, experiments: dict[int, dict]) -> pd.DataFrame:
    """A table in long form with one line for each experiment and row, and its measures beside one another, as text."""
    columns = list(dict.fromkeys(table["column"]))
    cells = table.set_index(["experiment", "row", "column"])
    lines = []
    for (experiment, row), _ in table.groupby(["experiment", "row"], sort=False):
        values = [_cell(cells, (experiment, row, column)) for column in columns]
        lines.append([str(experiment), describe(experiments[experiment]), row, *values])
    return pd.DataFrame(lines, columns=["exp.", "attack", "row", *(column.replace("_", " ") for column in columns)])


def _markdown(table: pd.DataFrame) -> str:
    """A pipe table."""
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _picture(dataset: str, name: str) -> str:
    return f"![{name}](../../figures/{dataset}/{name}.png)"


def _cell(cells: pd.DataFrame, key: tuple) -> str:
    """ "97.1 [96.0, 98.2]", or a dash where the table has no such number."""
    if key not in cells.index:
        return "-"
    value, low, high = cells.loc[key, ["value", "low", "high"]]
    show: Callable[[float], str] = "{:.1f}".format
    return f"{show(value)} [{show(low)}, {show(high)}]" if pd.notna(low) else show(value)


def defended(tables: dict[str, pd.DataFrame], experiments: dict[int, dict]) -> str:
    """Tables 3 and 6 side by side: one line an experiment, a column a defense."""
    success, accuracy = (
        table[table["column"] == column].set_index(["experiment", "row"])["value"]
        for table, column in ((tables["table6"], "asr"), (tables["table3"], "clean_accuracy"))
    )
    rows = list(dict.fromkeys(row for _, row in success.index))
    lines = [
        [
            str(number),
            describe(experiments[number]),
            *(f"{success[number, row]:.1f} / {accuracy[number, row]:.1f}" for row in rows),
        ]
        for number in dict.fromkeys(number for number, _ in success.index)
    ]
    return _markdown(pd.DataFrame(lines, columns=["exp.", "attack", *rows]))


def headline(tables: dict[str, pd.DataFrame], experiments: dict[int, dict]) -> str:
    """The README's table: one line an experiment, means over seeds; for each detector its scores, control and effect."""
    cells = {name: table.set_index(["experiment", "row", "column"])["value"] for name, table in tables.items()}
    scored = tables["table4"]
    detectors = list(dict.fromkeys(scored.loc[scored["column"] == "auroc_permuted_masks", "row"]))
    head, lines = ["exp.", "attack", "clean acc.", "ASR", "oracle AUROC"], []
    for detector in detectors:
        head += [f"{detector}: AUROC", "control", "ASR after", "clean acc. after"]
    for number in attacked(experiments):
        experiment = experiments[number]
        last = round(100 * experiment["alphas"][-1])
        oracle = "auroc" if len(experiment["alphas"]) == 1 else f"auroc_alpha{last}"
        wanted = [("table3", "none", "clean_accuracy"), ("table6", "none", "asr"), ("table2", "oracle", oracle)]
        for detector in detectors:
            wanted += [("table4", detector, column) for column in ("auroc_scores", "auroc_permuted_masks")]
            wanted += [("table6", detector, "asr"), ("table3", detector, "clean_accuracy")]
        values = [cells[table].get((number, row, column), default=None) for table, row, column in wanted]
        lines.append([str(number), describe(experiment), *("-" if value is None else f"{value:.1f}" for value in values)])
    return _markdown(pd.DataFrame(lines, columns=head))
