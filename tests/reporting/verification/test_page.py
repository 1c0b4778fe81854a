import pandas as pd
from as_in_the_paper import FACTS, PAPER, ROOT, as_published

from rethinking_backdoors.config import load
from rethinking_backdoors.reporting.verification.claims import judge
from rethinking_backdoors.reporting.verification.page import page
from rethinking_backdoors.reporting.verification.scorecard import scorecard
from rethinking_backdoors.reporting.verification.verdicts import verify

COLUMNS = ["table", "experiment", "row", "column", "seed", "value"]


def numbers(*lines):
    """Numbers of three seeds, spread by a tenth."""
    return pd.DataFrame([(*line[:-1], seed, line[-1] + seed / 10) for line in lines for seed in range(3)], columns=COLUMNS)


EVIDENCE = numbers(("natural", 1, "poison", "strength", 1.0), ("natural", 1, "class", "strength", 0.25))
SEEDS = pd.concat(
    [
        EVIDENCE,
        numbers(
            ("table6", 1, "paper", "asr", 2.0),
            ("table6", 8, "paper", "asr", 51.0),
            ("table6", 1, "true", "asr", 1.0),
            ("table6", 8, "true", "asr", 1.0),
        ),
    ]
)


def made(config=PAPER, note=""):
    verified, claims = verify(FACTS, config, as_published()), judge(FACTS, config, SEEDS)
    return verified, claims, page(FACTS, config, verified, claims, EVIDENCE, note)


def lines_of(text, title):
    """The table below a heading: its lines' cells."""
    part = text.split(f"### {title}")[1].split("###")[0]
    return [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")][2:]


def test_every_number_is_shown():
    verified, _, text = made()
    table3 = lines_of(text, "Table 3")
    # One line for each experiment and row, but for the two dashes; the rows as in the paper.
    assert len(table3) == 46
    assert [line[1] for line in table3[:6]] == ["none", "ac", "ispl", "spectre", "ss", "paper"]
    assert table3[5] == ["1", "paper", "85.05", "85.05 [84.5, 85.5]", "reproduced", "85.06", "85.06 [84.6, 85.6]", "reproduced"]
    for where in ("Figure 7", "Figure 8", "Figure 9"):
        shown = sum(len(line[3].split(", ")) for line in lines_of(text, where))
        assert shown == (verified["where"] == where).sum()
    assert "agrees with the paper in everything" in text
    assert "| all | 195 | 0 | 0 | 272 | 0 | 467 |" in text


def test_what_differs_and_what_is_missing_is_said():
    config = load(ROOT / "config/digits.yaml")
    verified, claims = verify(FACTS, config, {}), judge(FACTS, config, SEEDS)
    text = page(FACTS, config, verified, claims, EVIDENCE, "the file declares 20 test images to be inexact")
    assert "| images.source | cifar10 | digits | every number |" in text
    assert "| models.count | 100000 | 4000 | what is made from datamodels |" in text
    assert "| all | 0 | 0 | 0 | 0 | 467 | 467 |" in text
    assert "\nThe data are not the official ones throughout: the file declares 20 test images to be inexact.\n" in text


def test_a_claim_is_told_in_words():
    text = made()[2]
    assert "| poison |" in text
    assert "| 1 | 1.100 | 0.350 |" in text
    line = next(line for line in text.splitlines() if line.startswith("| C10 |"))
    # Two experiments of eight: 1 passes, 8 fails, one failure is allowed.
    assert "**not decided**" in line
    assert "Holds in 1 of 8 (1), fails in 1 of 8 (8), not run in 6 of 8 (2, 3, 4, 5, 6, 7) (1 may fail)." in line
    assert "Least favourable: 50 [50, 50] in experiment 8." in line


def test_the_answer_has_a_line_a_statement_of_the_paper_and_two_tallies():
    verified, claims, _ = made()
    claims = claims.fillna({"row": "", "statistic": ""})
    lines = scorecard({"here": claims, "there": claims}, {"here": verified, "there": verified}).splitlines()
    whole = claims[(claims["experiment"] == "all") & claims["claimed"]]
    assert len(lines) == 2 + len(whole) + 2
    shown = "**not decided**, 1 of 8"
    assert f"| C10 | after removal the attack hardly succeeds | {shown} | {shown} |" in lines
    tally = ", ".join(f"{(whole['verdict'] == verdict).sum()} {verdict}" for verdict in ("holds", "fails", "not decided"))
    assert lines[-2] == f"| all | the {len(whole)} statements | {tally} | {tally} |"
    assert lines[-1].endswith("| 195 reproduced, 0 differs, 0 open, 272 not comparable, 0 not run |")
