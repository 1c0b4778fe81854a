"""The pages of the report: captions with what came out, and each table and figure on a page of its own that needs no network."""

import ast
import base64
import html
import re
from pathlib import Path

import pandas as pd

from rethinking_backdoors.reporting import findings

STYLE = """body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; margin: 1.5rem 2rem; }
h1 { font-size: 1.35rem; } p { max-width: 56rem; } img { width: 100%; max-width: 70rem; }
code { background: #f0f2f5; padding: 0 .2em; border-radius: 3px; }
table { border-collapse: collapse; font-size: 13px; margin-top: 1rem; }
th { position: sticky; top: 0; background: #e4e8ee; text-align: left; } th, td { padding: .25rem .7rem; }
td { border-bottom: 1px solid #e4e8ee; white-space: nowrap; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.first td { border-top: 2px solid #9aa5b1; }"""


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


def completed(text: str, findings: str) -> str:
    """A caption file's text with what came out as its last paragraph; ``findings`` may be empty."""
    return f"{text.strip()}\n\n**Here.** {findings.strip()}\n" if findings else f"{text.strip()}\n"


def captions(paths: list[str], tables: dict[str, pd.DataFrame], figure_findings: list[str]) -> dict[str, str]:
    """The whole captions by name of table or figure, each with what came out.

    Args:
        paths: caption files (see ``caption``). tables: the run's tables by name.
        figure_findings: files with what came out of one.
    """
    figures = {Path(path).stem: Path(path).read_text(encoding="utf-8") for path in figure_findings}
    texts = {}
    for path in paths:
        name = Path(path).stem
        here = findings.TABLES[name](tables) if name in findings.TABLES else figures.get(name, "")
        texts[name] = completed(caption(path), here)
    return texts


def page(caption: str, content: str) -> str:
    """One HTML page: the caption's title and paragraphs, and below them the content (HTML)."""
    title, body = (html.escape(part, quote=False) for part in split(caption))
    paragraphs = "\n".join(f"<p>{_inline(part)}</p>" for part in body.split("\n\n"))
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    body = f"<h1>{title}</h1>\n{paragraphs}\n{content}"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}\n</body></html>\n'


def _inline(text: str) -> str:
    """``code`` and **bold** of an escaped paragraph."""
    text = re.sub(r"``(.+?)``", r"<code>\1</code>", text)
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)


def image(path: str | Path) -> str:
    """A PNG inside the page."""
    return f'<img alt="{Path(path).stem}" src="data:image/png;base64,{_base64(path)}">'


def table(path: str | Path, shown: pd.DataFrame) -> str:
    """A table in the form that is shown, with a rule where its first column changes, and the CSV file itself to download."""
    numeric = [pd.api.types.is_numeric_dtype(shown[name]) for name in shown.columns]
    head = "".join(f"<th>{html.escape(str(name).replace('_', ' '))}</th>" for name in shown.columns)
    lines, before = [], None
    for values in shown.itertuples(index=False):
        cells = "".join(_cell(value, number) for value, number in zip(values, numeric, strict=True))
        lines.append(f"<tr>{cells}</tr>" if values[0] == before else f'<tr class="first">{cells}</tr>')
        before = values[0]
    link = f'<a download="{Path(path).name}" href="data:text/csv;base64,{_base64(path)}">{Path(path).name}</a>'
    body = "\n".join(lines)
    return f"<p>As a file: {link}</p>\n<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def _cell(value: object, number: bool) -> str:
    if pd.isna(value):
        return "<td></td>"
    return f'<td class="number">{value:g}</td>' if number else f"<td>{html.escape(str(value))}</td>"


def _base64(path: str | Path) -> str:
    return base64.b64encode(Path(path).read_bytes()).decode()
