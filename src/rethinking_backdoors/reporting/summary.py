"""The readable form of the tables: one Markdown page."""

from collections.abc import Callable

import pandas as pd

from rethinking_backdoors.config import attacked, describe
from rethinking_backdoors.reporting.pages import split
from rethinking_backdoors.reporting.words import markdown, render


def page(
    dataset: str, tables: dict[str, pd.DataFrame], experiments: dict[int, dict], captions: dict[str, str], note: str = ""
) -> str:
    """The whole page.

    Args:
        tables: by name, each in the long form of ``tables.summarize``.
        captions: whole caption (see ``pages.captions``) of each table and figure by its name, "figure3".
        note: what is not the official data, in words; empty if everything is.
    """
    sections = []
    for name, caption in captions.items():
        title, body = split(caption)
        shown = _markdown(wide(tables[name], experiments)) if name in tables else f"![{name}](../../figures/{dataset}/{name}.png)"
        sections.append({"title": title, "body": body, "shown": shown})
    return render(
        "summary.md",
        dataset=dataset,
        seeds=int(max(table["seeds"].max() for table in tables.values())),
        note=note,
        headline=headline(tables, experiments),
        defended=defended(tables, experiments),
        sections=sections,
    )


def readable(table: pd.DataFrame, experiments: dict[int, dict]) -> pd.DataFrame:
    """A table as it is shown: those of the paper's form one line for each experiment and row, others as they are."""
    return wide(table, experiments) if {"experiment", "row", "column", "value"} <= set(table.columns) else table


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
    return markdown(table.columns, table.to_numpy())


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
    detectors = list(dict.fromkeys(scored.loc[scored["column"] == "permuted_mean_auroc", "row"]))
    head, lines = ["exp.", "attack", "clean acc.", "ASR", "oracle AUROC"], []
    for detector in detectors:
        head += [f"{detector}: AUROC", "cross-fitted", "permuted", "ASR after", "clean acc. after"]
    for number in attacked(experiments):
        experiment = experiments[number]
        last = round(100 * experiment["alphas"][-1])
        oracle = "auroc" if len(experiment["alphas"]) == 1 else f"auroc_alpha{last}"
        wanted = [("table3", "none", "clean_accuracy"), ("table6", "none", "asr"), ("table2", "oracle", oracle)]
        for detector in detectors:
            wanted += [("table4", detector, column) for column in ("auroc_scores", "crossfit_auroc", "permuted_mean_auroc")]
            wanted += [("table6", detector, "asr"), ("table3", detector, "clean_accuracy")]
        values = [cells[table].get((number, row, column), default=None) for table, row, column in wanted]
        lines.append([str(number), describe(experiment), *("-" if value is None else f"{value:.1f}" for value in values)])
    return _markdown(pd.DataFrame(lines, columns=head))
