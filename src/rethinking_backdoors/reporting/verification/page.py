"""The readable form of verification.csv and claims.csv: one Markdown page."""

from typing import Any

import pandas as pd

from rethinking_backdoors.reporting.verification.published import numbers
from rethinking_backdoors.reporting.verification.verdicts import STAGES, VERDICTS, differences
from rethinking_backdoors.reporting.words import markdown, render

WHAT = {
    "k": "k from, to",
    "margin": "mean margin at first, middle, last k",
    "slope": "slope (of five curves: sorted)",
    "level": "level of five curves, sorted",
    "x": "estimate from, to",
    "y": "strength from, to",
}
WORDS = {"holds": "y", "fails": "n", "not decided": "?", "not testable": "-"}
RIVALS = {
    "poison": "poison",
    "class": "a whole class",
    "random": "random examples",
    "alike": "examples whose margins move together",
    "partners": "an example and its strongest partners",
}
TITLES = {
    "Figure 7": "Figure 7: margins against the number k of poisoned examples",
    "Figure 8": "Figure 8: the line through the poisoned points, measured strength on estimate",
    "Figure 9": "Figure 9: datamodel weights by kind of pair",
}


def page(
    published: dict[str, Any],
    config: dict[str, Any],
    verified: pd.DataFrame,
    claims: pd.DataFrame,
    evidence: pd.DataFrame,
    note: str = "",
) -> str:
    """The whole page.

    Args:
        verified: see ``verdicts.verify``. claims: see ``claims.judge``. evidence: see ``evidence.numbers``, of every seed.
        note: what is not the official data, in words; empty if everything is.
    """
    whole = claims[(claims["experiment"] == "all") & claims["claimed"]]["verdict"]
    titles = {table["where"]: f"{table['where']}: {table['title']}" for table in published["tables"].values()} | TITLES
    return render(
        "verification.md",
        dataset=config["dataset"],
        seeds=len(config["seeds"]),
        note=note,
        tally={word: int((whole == word).sum()) for word in list(WORDS)[:3]},
        claims=claims_table(claims),
        by_experiment=claims_by_experiment(claims, list(published["experiments"])),
        rivals=rivals_table(evidence),
        counts=counts(verified),
        settings=settings_table(published, config),
        sections=[
            {"title": titles[where], "table": _table(str(where), lines), "notes": _notes(published, str(where), lines)}
            for where, lines in verified.groupby("where", sort=False)
        ],
    )


def claims_table(claims: pd.DataFrame) -> str:
    """One line a claim."""
    lines = []
    for claim in claims[claims["experiment"] == "all"].itertuples():
        measured = f"{claim.statistic.replace('_', ' ')} ({claim.unit})" if claim.statistic else "-"
        says = f"{claim.says}, `{claim.row}`" if claim.row in ("paper", "refined") else claim.says
        verdict = f"**{claim.verdict}**" if claim.claimed else claim.verdict
        lines.append([_name(claim), says, claim.where, measured, claim.bound or "-", verdict, claim.sentence])
    return markdown(["claim", "statement", "where", "measured", "bound", "verdict", "in words"], lines)


def _name(claim: Any) -> str:
    """A claim's number, in parentheses if it is none of the paper's."""
    return claim.claim if claim.claimed else f"({claim.claim})"


def claims_by_experiment(claims: pd.DataFrame, experiments: list[int]) -> str:
    """One line a claim, one column an experiment: verdict and value."""
    lines = []
    single = claims[claims["experiment"] != "all"]
    for _, cells in single.groupby(["claim", "row"], sort=False):
        first = cells.iloc[0]
        shown = {cell.experiment: f"{WORDS[cell.verdict]} {cell.value:.3g}" for cell in cells.itertuples()}
        measured = f"{first['statistic'].replace('_', ' ')}{f', `{first.row}`' if first['row'] else ''}, {first['bound']}"
        lines.append([_name(first), measured, *(shown.get(str(e), "-") for e in experiments)])
    return markdown(["claim", "measured", *map(str, experiments)], lines)


def rivals_table(evidence: pd.DataFrame) -> str:
    """Claim C1 in detail: the strength of the poison and of the strongest natural group of each kind, means over seeds."""
    natural = evidence[(evidence["table"] == "natural") & (evidence["column"] == "strength")]
    means = natural.groupby(["experiment", "row"])["value"].mean()
    lines = []
    for experiment in natural["experiment"].unique():
        lines.append([str(experiment), *(f"{means.get((experiment, row), float('nan')):.3f}" for row in RIVALS)])
    return markdown(["exp.", *RIVALS.values()], lines)


def counts(verified: pd.DataFrame) -> str:
    """How many numbers have which verdict, table by table."""
    lines = []
    for where, part in verified.groupby("where", sort=False):
        lines.append([where, *(str((part["verdict"] == verdict).sum()) for verdict in VERDICTS), str(len(part))])
    lines.append(["all", *(str((verified["verdict"] == verdict).sum()) for verdict in VERDICTS), str(len(verified))])
    return markdown(["", *VERDICTS, "numbers"], lines)


def settings_table(published: dict[str, Any], config: dict[str, Any]) -> str:
    """What differs from the paper's settings, and so what cannot be compared; empty if nothing does."""
    concerned = {"attack": "every number", "datamodel": "what is made from datamodels", "detection": "what the search finds"}
    rows: dict[str, list] = {}
    for experiment in published["experiments"]:
        known: list[str] = []
        for stage in STAGES:
            for name, paper, given in differences(published["settings"], published, config, experiment, stage):
                if name not in known:
                    known.append(name)
                    rows.setdefault(name, [concerned[stage], []])[1].append((experiment, paper, given))
    lines = []
    for name, (stage, found) in rows.items():
        # Settings of single experiments have no section before their name.
        if "." in name:
            lines.append([name, str(found[0][1]), "-" if found[0][2] is None else str(found[0][2]), stage])
        else:
            of = ", ".join(str(experiment) for experiment, _, _ in found)
            paper, given = (", ".join(str(entry[side]) for entry in found) for side in (1, 2))
            every = len(found) == len(published["experiments"])
            lines.append([f"{name}, {'all experiments' if every else f'experiments {of}'}", paper, given, stage])
    return markdown(["setting", "in the paper", "here", "concerns"], lines) if lines else ""


def _table(where: str, lines: pd.DataFrame) -> str:
    return _measured(lines) if where.startswith("Figure") else _printed(lines)


def _printed(lines: pd.DataFrame) -> str:
    """A printed table: one line for each experiment and row, for each column what was published and measured, and the verdict."""
    columns = list(dict.fromkeys(lines["column"]))
    head = ["exp.", "row"]
    for column in columns:
        head += [f"{column.replace('_', ' ')}: published", "measured", "verdict"]
    table = []
    for experiment, rows in lines.groupby("experiment"):
        for row, cells in rows.groupby("row", sort=False):
            line = [str(experiment), row]
            for _, cell in cells.set_index("column").loc[columns].iterrows():
                line += [f"{cell['published']:.2f}", _shown(cell), cell["verdict"]]
            table.append(line)
    return markdown(head, table)


def _measured(lines: pd.DataFrame) -> str:
    """A figure: one line for each experiment and kind of number; single numbers and their intervals are in verification.csv."""
    table = []
    stems = (
        lines["column"]
        .str.replace(r"_(first|middle|last|low|high|\d)$", "", regex=True)
        .replace({"mean": "mean, sd", "sd": "mean, sd"})
    )
    for (experiment, row, stem), cells in lines.groupby(["experiment", "row", stems], sort=False):
        shown = [
            ", ".join("-" if pd.isna(value) else f"{value:.3g}" for value in cells[side]) for side in ("published", "measured")
        ]
        of = "" if row == "k" else row.replace("_", " ")
        table.append([str(experiment), of, WHAT.get(stem, stem), *shown, " / ".join(dict.fromkeys(cells["verdict"]))])
    return markdown(["exp.", "of", "what", "published", "measured", "verdict"], table)


def _shown(cell: pd.Series) -> str:
    """ "97.1 [96.0, 98.2]", or a dash."""
    if pd.isna(cell["measured"]):
        return "-"
    text = f"{cell['measured']:.2f}"
    return text if pd.isna(cell["low"]) else f"{text} [{cell['low']:.1f}, {cell['high']:.1f}]"


def _notes(published: dict[str, Any], where: str, lines: pd.DataFrame) -> list[str]:
    """What is to be said of the numbers of one table or figure, each sentence once; other settings have their own table."""
    said = [table["note"] for table in published["tables"].values() if table["where"] == where and "note" in table]
    for number in numbers(published):
        if number.where == where and number.tolerance is None:
            said.append(f"cannot be compared at any scale: {published['kinds'][number.kind]['reason']}")
    for note in lines["note"]:
        said += [part for part in note.split("; ") if part and not part.startswith("other settings: ")]
    reasons = [kind["reason"] for kind in published["kinds"].values()]
    return [f"{part[0].upper()}{part[1:]}" for part in dict.fromkeys(said) if part not in reasons]
