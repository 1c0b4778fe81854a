"""The report's first page: what its lines and its grid say, and that docutils takes it."""

import pandas as pd
from docutils.core import publish_parts

from rethinking_backdoors.reporting import overview


def claims():
    common = {
        "claim": "C5",
        "row": "",
        "says": "separates a < b",
        "statistic": "oracle_auroc",
        "bound": "above 90",
        "claimed": True,
    }
    lines = [
        {**common, "experiment": "all", "value": 80.0, "low": 70.0, "high": 95.0, "verdict": "fails", "sentence": "Fails in 7."},
        {**common, "experiment": "2", "value": 99.0, "low": 98.0, "high": 100.0, "verdict": "holds", "sentence": ""},
        {**common, "experiment": "7", "value": 80.0, "low": 70.0, "high": 95.0, "verdict": "not decided", "sentence": ""},
    ]
    lines += [{**common, "claim": "C7", "experiment": "all", "verdict": "holds", "sentence": "", "claimed": False}]
    lines += [{**common, "claim": "C8", "experiment": "all", "verdict": "not decided", "sentence": ""}]
    return pd.DataFrame(lines)


def success():
    rows = [
        (e, row, "asr", value)
        for e, *values in ((0, 1, 1, 1), (2, 90, 3, 2), (7, 65, 70, 10))
        for row, value in zip(("none", "paper", "refined"), values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["experiment", "row", "column", "value"])


def test_the_answer_is_three_lines():
    verified = pd.DataFrame({"verdict": ["reproduced", "differs", "differs"]})
    first, second, third = overview.answer(success(), claims(), verified)
    assert first.startswith("2 attacks succeed on 65 to 90 % of the triggered test images.")
    assert first.endswith("stops 1 of them (to 10 % or less), this project's `refined` 2.")
    assert second == "Of the paper's 2 statements 0 hold here, 1 fail, 1 are not decided by so few seeds."
    assert third == "Of its 3 printed numbers 1 are reproduced, 2 differ, 0 are open, 0 cannot be compared at this scale."


def test_the_grid_has_a_line_for_each_claim_of_the_paper():
    experiments, (separates, untested) = overview.grid(claims())
    assert experiments == ["2", "7"]
    assert [cell["verdict"] for cell in separates["cells"]] == ["fails", "holds", "undecided"]
    assert [cell["text"] for cell in separates["cells"]] == ["fails", "99", "80"]
    assert separates["cells"][2]["title"] == "not decided: 80 [70, 95], oracle auroc above 90"
    assert [cell["text"] for cell in untested["cells"]] == ["open", "", ""]


def test_the_page_is_whole(tmp_path):
    (tmp_path / "figure12.png").write_bytes(bytes(30_000))
    tables = {"table6": success(), "claims": claims(), "verification": pd.DataFrame({"verdict": ["differs"]})}
    captions = {
        "figure12": "Figure 12: left\n====\n\nLook.",
        "table6": "Table 6: left\n====\n\nLook.\n\n**Here.** Nothing is left.",
    }
    text = overview.overview("mine", tables, captions, [str(tmp_path / "figure12.png")], "two images are inexact")
    made = publish_parts(text, writer="html", settings_overrides={"halt_level": 2})["html_body"]
    assert "Rethinking Backdoor Attacks, replicated: mine" in made
    assert "two images are inexact" in made
    assert "separates a &lt; b" in made
    assert "Nothing is left." in made
    assert made.count("<img ") == 1
    assert len(text) > 40_000
