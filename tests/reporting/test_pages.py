"""The report's pages hold the whole caption and the whole table, and need nothing from elsewhere."""

import base64
import re

import pandas as pd
import pytest

from rethinking_backdoors.reporting import pages

CAPTION = "Table 1: a < b\n==============\n\n**What to look at.** ``rows`` & more.\n"


def test_what_came_out_is_the_last_paragraph():
    assert pages.completed(CAPTION, "").endswith("& more.\n")
    whole = pages.completed(CAPTION, "All of it.")
    assert pages.split(whole) == ("Table 1: a < b", "**What to look at.** ``rows`` & more.\n\n**Here.** All of it.")


def test_captions_get_the_sentence_of_a_table_or_of_a_figure(tmp_path):
    for name in ("table6", "figure3", "overview"):
        (tmp_path / f"{name}.rst").write_text(CAPTION)
    (tmp_path / "figure3.txt").write_text("It rises.")
    table = pd.DataFrame({"experiment": [1, 1], "row": ["none", "paper"], "column": "asr", "value": [90.0, 2.0]})
    paths = [str(tmp_path / f"{name}.rst") for name in ("table6", "figure3", "overview")]
    texts = pages.captions(paths, {"table6": table}, [str(tmp_path / "figure3.txt")])
    assert "**Here.** Without a defense the attacks succeed on 90.0 % of the images." in texts["table6"]
    assert texts["figure3"].endswith("\n\n**Here.** It rises.\n")
    assert texts["overview"] == CAPTION


def test_a_page_is_escaped_and_marked_up(tmp_path):
    (tmp_path / "figure3.png").write_bytes(b"picture")
    page = pages.page(CAPTION, tmp_path / "figure3.png")
    assert "<h1>Table 1: a &lt; b</h1>" in page
    assert "<p><b>What to look at.</b> <code>rows</code> &amp; more.</p>" in page
    assert base64.b64decode(re.search(r"image/png;base64,([^\"]+)", page)[1]) == b"picture"


def test_a_table_shows_every_cell_and_carries_its_file(tmp_path):
    path = tmp_path / "claims.csv"
    frame = pd.DataFrame({"claim": ["C1", "C1", "C2"], "said": ["a < b", "b", None], "low_end": [0.25, 1e6, float("nan")]})
    frame.to_csv(path, index=False)
    made = pages.page(CAPTION, path, frame)
    rows = re.findall(r'<tr( class="first")?>((?:<td.*?</td>)+)</tr>', made)
    assert [bool(first) for first, _ in rows] == [True, False, True]
    assert [re.findall(r"<td.*?>(.*?)</td>", cells) for _, cells in rows] == [
        ["C1", "a &lt; b", "0.25"],
        ["C1", "b", "1e+06"],
        ["C2", "", ""],
    ]
    assert "<th>low end</th>" in made
    assert base64.b64decode(re.search(r"text/csv;base64,([^\"]+)", made)[1]) == path.read_bytes()


@pytest.mark.parametrize("name", ["claims", "figure2", "figure11", "table6", "verification"])
def test_captions_are_whole(name, pytestconfig):
    title, body = pages.split((pytestconfig.rootpath / f"workflow/report/{name}.rst").read_text())
    assert title
    assert [part.split(".**")[0] for part in body.split("\n\n")] == ["**What to look at", "**In the paper"]
