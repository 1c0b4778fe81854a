import pandas as pd
import pytest
from as_in_the_paper import FACTS, PAPER

from rethinking_backdoors.reporting.verification.claims import STATISTICS, judge

COLUMNS = ["table", "experiment", "row", "column", "seed", "value"]


def world(**values):
    """Numbers of three seeds, spread by 0.01, for every experiment; "figure7 clean strength_rms" = 0.1 is one."""
    cells = {
        "natural poison strength": 1.0,
        "natural class strength": 0.1,
        "natural random strength": 0.0,
        "natural alike strength": 0.2,
        "natural partners strength": 0.3,
        "figure7 poisoned strength_mean": 1.0,
        "figure7 poisoned strength_mean_alpha30": 4.0,
        "figure7 clean strength_rms": 0.1,
        "figure8 poisoned correlation": 0.8,
        "figure8 poisoned ceiling": 0.9,
        "figure8 poisoned slope": 2.0,
        "table2 oracle auroc": 98.0,
        "table2 oracle auroc_alpha30": 99.0,
        "figure9 poison_to_poison mean": 0.3,
        "figure9 poison_to_clean mean": 0.1,
        "figure9 clean_to_clean mean": 0.2,
        "lemma2 poisoned objective_percent": 101.0,
        "table3 true clean_accuracy": 87.0,
        "table3 true poisoned_accuracy": 86.5,
        "table6 true asr": 0.8,
        "table4 paper auroc_scores": 90.0,
        "table4 paper crossfit_auroc": 90.0,
        "table4 paper permuted_mean_auroc": 60.0,
        "table4 paper crossfit_auroc_within_target": 80.0,
        "table4 paper permuted_mean_auroc_within_target": 50.0,
        "table6 paper asr": 1.0,
    }
    for row, gap in {"paper": 0.5, "ac": 50.0, "spectre": 40.0, "ss": 30.0, "ispl": 0.5}.items():
        cells[f"table3 {row} clean_accuracy"] = 85.0
        cells[f"table3 {row} poisoned_accuracy"] = 85.0 - gap
    lines = []
    for name, value in cells.items():
        table, row, column = name.split()
        for e in range(1, 9):
            here = values.get(name, values.get(f"{name} {e}", value))
            lines += [(table, e, row, column, seed, here + 0.01 * seed * (1 + 0.1 * (row == "true"))) for seed in range(3)]
            if e == 2 and table in ("natural", "figure9", "lemma2"):  # the fraction that its detection uses
                lines += [(table, e, row, f"{column}_alpha30", seed, here + 0.01 * seed) for seed in range(3)]
    return pd.DataFrame(lines, columns=COLUMNS)


def verdicts(**values):
    judged = judge(FACTS, PAPER, world(**values))
    return judged[(judged["experiment"] == "all")].set_index(["claim", "row"])["verdict"]


# What the paper has: SS works in 5 and 6, ISPL fails in 7 and 8, experiment 2 is saturated at 50 %.
AS_CLAIMED = {"table2 oracle auroc 2": 60.9}
AS_CLAIMED |= {f"table3 ss poisoned_accuracy {e}": 84.8 for e in (5, 6)}
AS_CLAIMED |= {f"table3 ispl poisoned_accuracy {e}": 70.0 for e in (7, 8)}


def test_in_a_world_as_claimed_every_claim_holds():
    found = verdicts(**AS_CLAIMED)
    claimed = found[[(claim, row) for claim, row in found.index if row != "refined" and claim not in ("C2", "C4c", "C4d")]]
    assert (claimed == "holds").all()
    assert found["C2", ""] == "not decided"
    assert found["C7a", "refined"] == "not decided"


@pytest.mark.parametrize(
    ("claim", "row", "broken"),
    [
        ("C1", "", {"natural partners strength 4": 2.0}),
        ("C3a", "", {"figure7 poisoned strength_mean": -1.0}),
        ("C3b", "", {"figure7 clean strength_rms": 0.5}),
        ("C4a", "", {"figure8 poisoned correlation 5": 0.1}),
        ("C4b", "", {"figure8 poisoned slope 3": -1.0}),
        ("C5", "", {"table2 oracle auroc 4": 80.0}),
        ("C6a", "", {"table2 oracle auroc 2": 99.0}),
        ("C6b", "", {"figure7 poisoned strength_mean_alpha30": 1.0}),
        ("C6c", "", {"table2 oracle auroc_alpha30": 90.0}),
        ("C7a", "paper", {"table4 paper auroc_scores 7": 60.0}),
        ("C7b", "paper", {"table4 paper crossfit_auroc_within_target 7": 40.0}),
        ("C7c", "paper", {"table4 paper permuted_mean_auroc 8": 95.0}),
        ("C8a", "paper", {"table3 paper poisoned_accuracy 8": 50.0}),
        ("C8b", "paper", {"table3 paper clean_accuracy 2": 80.0}),
        ("C9 AC", "ac", {"table3 ac poisoned_accuracy 1": 84.5}),
        ("C9 SPECTRE", "spectre", {"table3 spectre poisoned_accuracy 8": 84.5}),
        ("C9 SS fails", "ss", {"table3 ss poisoned_accuracy 7": 84.5}),
        ("C9 SS works", "ss", {"table3 ss poisoned_accuracy 5": 40.0}),
        ("C9 ISPL fails", "ispl", {"table3 ispl poisoned_accuracy 8": 84.5}),
        ("C9 ISPL works", "ispl", {"table3 ispl poisoned_accuracy 1": 40.0}),
        ("C10", "paper", {"table6 paper asr": 50.0}),
        ("C11", "", {"figure9 clean_to_clean mean 6": 0.5}),
        ("C12", "", {"lemma2 poisoned objective_percent 1": 90.0}),
    ],
)
def test_every_claim_can_fail(claim, row, broken):
    found = verdicts(**{**AS_CLAIMED, **broken})
    assert found[claim, row] == "fails"


def test_noise_that_hides_a_correlation_is_no_failure():
    """In 7 the halves of the models agree too little for a correlation of 0.5, whatever the truth."""
    found = judge(FACTS, PAPER, world(**AS_CLAIMED, **{"figure8 poisoned ceiling 7": 0.3, "figure8 poisoned correlation 7": 0.1}))
    cells = found[found["claim"] == "C4a"].set_index("experiment")
    assert cells.loc["7", "verdict"] == "not testable"
    assert cells.loc["all", "verdict"] == "holds"
    assert "not testable in 1 of 8 (7)" in cells.loc["all", "sentence"]


def test_an_occluded_patch_is_not_held_against_a_removal():
    """The patch alone costs ten points: so much is left after removing exactly the poison, and as much after the detector."""
    gap = {f"table3 {row} poisoned_accuracy": 75.0 for row in ("true", "paper")}
    assert verdicts(**{**AS_CLAIMED, **gap})["C8a", "paper"] == "holds"


def test_a_partial_run_is_said_to_be_one():
    judged = judge(FACTS, PAPER, world(**AS_CLAIMED).query("experiment in (1, 5)"))
    whole = judged[judged["experiment"] == "all"].set_index("claim")
    assert whole.loc["C1", "verdict"] == "not decided"
    assert "not run in 6 of 8 (2, 3, 4, 6, 7, 8)" in whole.loc["C1", "sentence"]
    assert whole.loc["C6a", "sentence"] == "Not run."
    assert (whole.loc["C1", "passed"], whole.loc["C1", "asked"]) == (2, 8)


def test_differences_are_taken_within_a_seed():
    # Seeds differ by far more than the two rows do: a paired difference has a narrow interval.
    numbers = world(**AS_CLAIMED)
    numbers.loc[numbers["table"] == "table4", "value"] -= 5.0 * numbers["seed"]
    judged = judge(FACTS, PAPER, numbers).set_index(["claim", "row", "experiment"])
    assert judged.loc[("C7c", "paper", "3"), ["value", "low", "high"]].tolist() == pytest.approx([30.0, 30.0, 30.0])


def test_every_statistic_is_used_and_every_bound_has_a_reason():
    used = {claim[key] for claim in FACTS["claims"] for key in ("statistic", "ceiling") if key in claim}
    assert used == set(STATISTICS)
    assert all(claim["reason"] for claim in FACTS["claims"])
    assert {claim["claim"][:3].strip("abcd ") for claim in FACTS["claims"]} == {f"C{number}" for number in range(1, 13)}
