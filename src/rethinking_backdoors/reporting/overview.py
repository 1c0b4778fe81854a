"""The report's first page: the answer in three lines, the claims as a grid, two pictures, and the prose last."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from rethinking_backdoors.reporting.findings import STOPPED
from rethinking_backdoors.reporting.pages import encoded, split
from rethinking_backdoors.reporting.words import render

# What the prose is about, and the pictures above it.
TABLES = ("claims", "verification", "table1", "table2", "table4", "table3", "table6")
PICTURES = ("figure12", "figure7")
# docutils refuses lines of more than 10,000 characters; browsers skip line breaks in an address.
LINE = 8000


def answer(success: pd.DataFrame, claims: pd.DataFrame, verified: pd.DataFrame) -> list[str]:
    """Three lines: how many attacks succeed and are stopped, what the claims came to, and the published numbers.

    Args:
        success: Table 6. claims: see ``claims.judge``. verified: see ``verdicts.verify``.
    """
    asr = success.query("experiment != 0 and column == 'asr'").set_index(["row", "experiment"])["value"]
    before, paper, refined = asr["none"], asr["paper"] <= STOPPED, asr["refined"] <= STOPPED
    judged = claims.query("experiment == 'all' and claimed")["verdict"].value_counts()
    counted = verified["verdict"].value_counts()
    return [
        f"{len(before)} attacks succeed on {before.min():.0f} to {before.max():.0f} % of the triggered test images. "
        f"The paper's detector stops {paper.sum()} of them (to {STOPPED:g} % or less), this project's `refined` {refined.sum()}.",
        f"Of the paper's {judged.sum()} statements {judged.get('holds', 0)} hold here, {judged.get('fails', 0)} fail, "
        f"{judged.get('not decided', 0)} are not decided by so few seeds.",
        f"Of its {counted.sum()} printed numbers {counted.get('reproduced', 0)} are reproduced, "
        f"{counted.get('differs', 0)} differ, {counted.get('open', 0)} are open, "
        f"{counted.get('not comparable', 0)} cannot be compared at this scale.",
    ]


def grid(claims: pd.DataFrame) -> tuple[list[str], list[dict[str, Any]]]:
    """The experiments, and a line for each of the paper's claims: its verdict over all of them, and in each."""
    claimed = claims[claims["claimed"]].fillna({"row": ""})
    experiments = sorted(set(claimed["experiment"]) - {"all"}, key=int)
    lines = []
    for (claim, _), cells in claimed.groupby(["claim", "row"], sort=False):
        by = cells.set_index("experiment")
        lines.append({"claim": claim, "says": by["says"].iloc[0], "cells": [*_cells(by, experiments)]})
    return experiments, lines


def _cells(claim: pd.DataFrame, experiments: list[str]) -> Iterator[dict[str, str]]:
    whole = claim.loc["all"]
    colour = _colour(whole["verdict"])
    yield {"verdict": colour, "text": "open" if colour == "undecided" else colour, "title": whole["sentence"]}
    for experiment in experiments:
        if experiment not in claim.index:
            yield {"verdict": "", "text": "", "title": ""}
            continue
        cell = claim.loc[experiment]
        measured = f"{cell['value']:.3g}" + ("" if pd.isna(cell["low"]) else f" [{cell['low']:.3g}, {cell['high']:.3g}]")
        title = f"{cell['verdict']}: {measured}, {cell['statistic'].replace('_', ' ')} {cell['bound']}"
        yield {"verdict": _colour(cell["verdict"]), "text": f"{cell['value']:.3g}", "title": title}


def _colour(verdict: str) -> str:
    return {"not decided": "undecided", "not testable": ""}.get(verdict, verdict)


def overview(dataset: str, tables: dict[str, pd.DataFrame], captions: dict[str, str], pictures: list[str], note: str = "") -> str:
    """The page (rst; the grid and the pictures in HTML).

    Args:
        tables: by name. captions: whole captions, see ``pages.captions``. pictures: PNG files; those of ``PICTURES`` are shown.
        note: what is not the official data, in words; empty if everything is.
    """
    experiments, claims = grid(tables["claims"])
    files = {Path(path).stem: path for path in pictures}
    shown = [
        {"title": split(captions[name])[0], "image": textwrap.wrap(encoded(files[name]), LINE)}
        for name in PICTURES
        if name in files
    ]
    parts = [(split(captions[name])) for name in TABLES if name in captions]
    return render(
        "overview.rst",
        dataset=dataset,
        answer=answer(tables["table6"], tables["claims"], tables["verification"]),
        note=note,
        experiments=experiments,
        claims=claims,
        pictures=shown,
        sections=[{"title": title, "said": body.rpartition("**Here.** ")[2]} for title, body in parts],
    )
