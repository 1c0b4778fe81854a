"""The readable form of verification.csv and claims.csv: one Markdown page."""

from typing import Any

import pandas as pd

from rethinking_backdoors.reporting.verification.published import numbers
from rethinking_backdoors.reporting.verification.verdicts import STAGES, VERDICTS, differences

HEAD = """# {dataset}: did it replicate?

Made by the workflow from `tables/*.csv` and `config/published.yaml`; do not edit. First the paper's claims, each put to a test
that it could have failed; then every number that the paper prints in Tables 1, 2, 3, 4 and 6 or that was measured from its
Figures 7, 8 and 9, beside what was measured. (Figures 3 and 5 are experiments 5 and 2 of Figure 7, Figure 4 is experiment 8
of Figure 8.) Measured numbers are means over {seeds}. Bounds and tolerances stand in
`config/published.yaml`, each with its reason; none was changed after its statistic was seen."""

CLAIMS_HEAD = """## The claims

Of the {count} statements that the paper's claims come to, **{hold} hold, {fail} fail and {undecided} are not decided**. In an
experiment a statement holds if the whole interval lies on the right side of the bound and fails if the whole interval lies on
the wrong side; over all experiments it holds if it does so in each but the exceptions that it allows, and fails if it fails in
more than these. The number shown is that of the least favourable experiment. Statements in parentheses are measured alike and
are no claims of the paper: this project's detector (`refined`) beside the paper's (`paper`), and what the paper shows without
claiming it."""

RIVALS_HEAD = """C1 in detail: the strength of the poison and of the strongest natural group of each kind, in logits for each
further example of the group in the subset. Natural groups hold clean examples only, as many as there are poisoned ones but for
whole classes; they are chosen on other models than their strength is measured on."""

WHAT = {
    "k": "k from, to",
    "margin": "mean margin at first, middle, last k",
    "slope": "slope (of five curves: sorted)",
    "level": "level of five curves, sorted",
    "x": "estimate from, to",
    "y": "strength from, to",
}
WORDS = {"holds": "y", "fails": "n", "not decided": "?"}
RIVALS = {
    "poison": "poison",
    "class": "a whole class",
    "random": "random examples",
    "alike": "examples whose margins move together",
    "partners": "an example and its strongest partners",
}
VERDICT_WORDS = {
    "reproduced": "within the tolerance for this kind of number, given the measured interval",
    "differs": "beyond it",
    "not comparable": "another data set, scale or setting, or a number that cannot be compared at all; both stand side by side",
    "not run": "no such number was measured",
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
    count = len(config["seeds"])
    seeds = f"{count} seeds with 95 % intervals (Student t over seeds)" if count > 1 else "one seed, which has no interval"
    parts = [HEAD.format(dataset=config["dataset"], seeds=seeds)]
    parts += [f"The data are not the official ones throughout: {note}."] if note else []
    parts += [claims_text(claims), claims_table(claims)]
    parts += [claims_by_experiment(claims, list(published["experiments"])), rivals_table(evidence)]
    parts += ["## The numbers\n\n" + counts(verified), settings_text(published, config)]
    titles = {table["where"]: f"{table['where']}: {table['title']}" for table in published["tables"].values()} | TITLES
    for where, lines in verified.groupby("where", sort=False):
        parts.append(f"### {titles[where]}")
        parts.append(_printed(lines) if not where.startswith("Figure") else _measured(lines))
        if notes := _notes(published, where, lines):
            parts.append("\n".join(f"- {said[0].upper()}{said[1:]}." for said in notes))
    return "\n\n".join(parts) + "\n"


def claims_text(claims: pd.DataFrame) -> str:
    """How to read the tables of claims, and how many hold."""
    whole = claims[(claims["experiment"] == "all") & claims["claimed"]]["verdict"]
    hold, fail, undecided = (int((whole == word).sum()) for word in ("holds", "fails", "not decided"))
    return CLAIMS_HEAD.format(count=len(whole), hold=hold, fail=fail, undecided=undecided)


def claims_table(claims: pd.DataFrame) -> str:
    """One line a claim."""
    lines = [["claim", "statement", "where", "measured", "bound", "verdict", "in words"]]
    for claim in claims[claims["experiment"] == "all"].itertuples():
        measured = f"{claim.statistic.replace('_', ' ')} ({claim.unit})" if claim.statistic else "-"
        says = f"{claim.says}, `{claim.row}`" if claim.row in ("paper", "refined") else claim.says
        verdict = f"**{claim.verdict}**" if claim.claimed else claim.verdict
        lines.append([_name(claim), says, claim.where, measured, claim.bound or "-", verdict, claim.sentence])
    return _markdown(lines)


def _name(claim: Any) -> str:
    """A claim's number, in parentheses if it is none of the paper's."""
    return claim.claim if claim.claimed else f"({claim.claim})"


def claims_by_experiment(claims: pd.DataFrame, experiments: list[int]) -> str:
    """One line a claim, one column an experiment: verdict and value."""
    lines = [["claim", "measured", *(str(e) for e in experiments)]]
    single = claims[claims["experiment"] != "all"]
    for _, cells in single.groupby(["claim", "row"], sort=False):
        first = cells.iloc[0]
        shown = {cell.experiment: f"{WORDS[cell.verdict]} {cell.value:.3g}" for cell in cells.itertuples()}
        measured = f"{first['statistic'].replace('_', ' ')}{f', `{first.row}`' if first['row'] else ''}, {first['bound']}"
        lines.append([_name(first), measured, *(shown.get(str(e), "-") for e in experiments)])
    return f"By experiment, means over seeds (y: holds, n: fails, ?: the interval spans the bound):\n\n{_markdown(lines)}"


def rivals_table(evidence: pd.DataFrame) -> str:
    """Claim C1 in detail: the strength of the poison and of the strongest natural group of each kind, means over seeds."""
    natural = evidence[(evidence["table"] == "natural") & (evidence["column"] == "strength")]
    means = natural.groupby(["experiment", "row"])["value"].mean()
    lines = [["exp.", *RIVALS.values()]]
    for experiment in natural["experiment"].unique():
        lines.append([str(experiment), *(f"{means.get((experiment, row), float('nan')):.3f}" for row in RIVALS)])
    return f"{RIVALS_HEAD}\n\n{_markdown(lines)}"


def counts(verified: pd.DataFrame) -> str:
    """How many numbers have which verdict, table by table."""
    lines = [["", *VERDICTS, "numbers"]]
    for where, part in verified.groupby("where", sort=False):
        lines.append([where, *(str((part["verdict"] == verdict).sum()) for verdict in VERDICTS), str(len(part))])
    lines.append(["all", *(str((verified["verdict"] == verdict).sum()) for verdict in VERDICTS), str(len(verified))])
    words = "\n".join(f"- `{verdict}`: {text}." for verdict, text in VERDICT_WORDS.items())
    return f"{_markdown(lines)}\n\n{words}"


def settings_text(published: dict[str, Any], config: dict[str, Any]) -> str:
    """What differs from the paper's settings, and so what cannot be compared."""
    concerned = {"attack": "every number", "datamodel": "what is made from datamodels", "detection": "what the search finds"}
    rows: dict[str, list] = {}
    for experiment in published["experiments"]:
        known: list[str] = []
        for stage in STAGES:
            for name, paper, given in differences(published["settings"], published, config, experiment, stage):
                if name not in known:
                    known.append(name)
                    rows.setdefault(name, [concerned[stage], []])[1].append((experiment, paper, given))
    if not rows:
        return "The configuration agrees with the paper in everything that the numbers depend on and that the paper states."
    lines = [["setting", "in the paper", "here", "concerns"]]
    for name, (stage, found) in rows.items():
        # Settings of single experiments have no section before their name.
        if "." in name:
            lines.append([name, str(found[0][1]), "-" if found[0][2] is None else str(found[0][2]), stage])
        else:
            of = ", ".join(str(experiment) for experiment, _, _ in found)
            paper, given = (", ".join(str(entry[side]) for entry in found) for side in (1, 2))
            every = len(found) == len(published["experiments"])
            lines.append([f"{name}, {'all experiments' if every else f'experiments {of}'}", paper, given, stage])
    text = "The configuration differs from the paper's in these settings; what depends on one of them is not comparable."
    return f"{text}\n\n{_markdown(lines)}"


def _printed(lines: pd.DataFrame) -> str:
    """A printed table: one line for each experiment and row, for each column what was published and measured, and the verdict."""
    columns = list(dict.fromkeys(lines["column"]))
    head = ["exp.", "row"]
    for column in columns:
        head += [f"{column.replace('_', ' ')}: published", "measured", "verdict"]
    table = [head]
    for experiment, rows in lines.groupby("experiment"):
        for row, cells in rows.groupby("row", sort=False):
            line = [str(experiment), row]
            for _, cell in cells.set_index("column").loc[columns].iterrows():
                line += [f"{cell['published']:.2f}", _shown(cell), cell["verdict"]]
            table.append(line)
    return _markdown(table)


def _measured(lines: pd.DataFrame) -> str:
    """A figure: one line for each experiment and kind of number; single numbers and their intervals are in verification.csv."""
    table = [["exp.", "of", "what", "published", "measured", "verdict"]]
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
    return _markdown(table)


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
    return [part for part in dict.fromkeys(said) if part not in reasons]


def _markdown(lines: list[list[str]]) -> str:
    """A pipe table; the first line is its head."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], ["---"] * len(lines[0]), *lines[1:]])
