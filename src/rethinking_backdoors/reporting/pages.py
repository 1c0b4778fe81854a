"""The pages of the report: captions with what came out, and each table and figure on a page of its own that needs no network."""

import ast
import base64
import re
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from rethinking_backdoors.reporting import findings
from rethinking_backdoors.reporting.words import render


def caption(path: str | Path) -> str:
    """A caption file's text; of a module, which a figure without a caption file has, its docstring in the same form."""
    text = Path(path).read_text(encoding="utf-8")
    if Path(path).suffix != ".py":
        return text
    title, _, body = (ast.get_docstring(ast.parse(text)) or Path(path).stem).partition("\n")
    return f"{title}\n{'=' * len(title)}\n\n{body.strip()}\n"


def split(text: str) -> tuple[str, str]:
    """Title and body of a caption file: a title, a line of equals signs, and paragraphs that both rst and Markdown read alike."""
    title, _, body = text.split("\n", 2)
    return title, body.strip()


def completed(text: str, here: str) -> str:
    """A caption file's text with what came out as its last paragraph; ``here`` may be empty."""
    return f"{text.strip()}\n\n**Here.** {here.strip()}\n" if here else f"{text.strip()}\n"


def captions(paths: list[str], tables: dict[str, pd.DataFrame], of_figures: list[str]) -> dict[str, str]:
    """The whole captions by name of table or figure, each with what came out.

    Args:
        paths: caption files (see ``caption``). tables: the run's tables by name. of_figures: files with what came out of each.
    """
    figures = {Path(path).stem: Path(path).read_text(encoding="utf-8") for path in of_figures}
    texts = {}
    for path in paths:
        name = Path(path).stem
        texts[name] = completed(caption(path), findings.said(name, tables) or figures.get(name, ""))
    return texts


def page(caption: str, path: str | Path, shown: pd.DataFrame | None = None) -> str:
    """One HTML page: a caption's title and paragraphs, and below them a table or picture.

    Args:
        path: the CSV file, which the page carries to download, or the PNG. shown: the table in the form that is shown.
    """
    title, body = split(caption)
    content = {"picture": encoded(path)} if shown is None else {"picture": "", "file": encoded(path), **_cells(shown)}
    paragraphs = [_inline(part) for part in body.split("\n\n")]
    style = render("page.css")
    return render("page.html", title=title, paragraphs=paragraphs, style=style, name=Path(path).stem, **content)


def encoded(path: str | Path) -> str:
    """A file in base64."""
    return base64.b64encode(Path(path).read_bytes()).decode()


def _inline(text: str) -> Markup:
    """``code`` and **bold** of a paragraph, escaped."""
    text = re.sub(r"``(.+?)``", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text))


def _cells(table: pd.DataFrame) -> dict[str, Any]:
    """Columns and lines as the template has them; ``first``: where the first column changes."""
    numeric = [pd.api.types.is_numeric_dtype(table[name]) for name in table.columns]
    lines, before = [], None
    for values in table.itertuples(index=False):
        cells = [
            {"number": number and not pd.isna(value), "text": "" if pd.isna(value) else f"{value:g}" if number else str(value)}
            for value, number in zip(values, numeric, strict=True)
        ]
        lines.append({"first": values[0] != before, "cells": cells})
        before = values[0]
    return {"columns": [str(name).replace("_", " ") for name in table.columns], "lines": lines}
