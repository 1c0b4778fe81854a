from pathlib import Path

import pandas as pd
import pytest

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.evaluation.tables import COLUMNS
from rethinking_backdoors.reporting.verification import check

# Two experiments of three seeds each. Variances 4 and 1, two degrees of freedom each: the pooled variance is 2.5. With four
# degrees Student's t of 0.9995 is 8.610: the interval for a new seed is 8.610 sqrt(2.5 * 4 / 3) = 15.72 to either side.
REFERENCE = """
t,1,a,asr,0,10.0
t,1,a,asr,1,12.0
t,1,a,asr,2,14.0
t,2,a,asr,0,50.0
t,2,a,asr,1,51.0
t,2,a,asr,2,52.0
t,1,b,count,0,7
t,1,b,count,1,7
t,1,b,count,2,7
"""


def table(text):
    lines = [line.split(",") for line in text.strip().splitlines()]
    return pd.DataFrame(lines, columns=COLUMNS)


def verdicts(run, reference=REFERENCE):
    compared = check.compare(table(run), table(reference))
    return {tuple(row[1:5]): row[-1] for row in compared.itertuples(index=False, name=None)}


def test_the_intervals_by_hand():
    found = check.compare(table("t,1,a,asr,9,12\nt,1,a,asr,0,11\nt,1,a,asr,1,12.5"), table(REFERENCE))
    ends = found[found["row"] == "a"].set_index("seed")[["low", "high"]]
    assert ends.loc["9"].tolist() == pytest.approx([12 - 15.72, 12 + 15.72], abs=0.01)
    # Without seed 0's own number squares of 4 are left (of 12 and 14: 2; of experiment 2: 2), with three degrees of freedom, for
    # which t is 12.924: 12.924 sqrt(4 / 3 * 2) = 21.10 about 10. Without seed 1's, which is the mean, all 10: 33.37 about 12.
    assert ends.loc["0"].tolist() == pytest.approx([10 - 21.10, 10 + 21.10], abs=0.01)
    assert ends.loc["1"].tolist() == pytest.approx([12 - 33.37, 12 + 33.37], abs=0.01)


def test_the_same_run_is_the_same_to_the_last_digit():
    assert set(verdicts(REFERENCE).values()) == {"same"}
    assert verdicts("t,1,a,asr,0,10.0000001")["1", "a", "asr", "0"] == "within"


def test_numbers_inside_and_outside_and_other_seeds():
    found = verdicts("t,1,a,asr,0,31.0\nt,1,a,asr,1,45.5\nt,2,a,asr,9,35.3\nt,2,a,asr,8,35.2\nt,1,a,asr,2,nan\nt,1,b,count,0,7\n")
    assert found["1", "a", "asr", "0"] == "within"
    assert found["1", "a", "asr", "1"] == "outside"
    assert found["2", "a", "asr", "9"] == "within"
    assert found["2", "a", "asr", "8"] == "outside"
    assert found["1", "a", "asr", "2"] == "outside"  # no number


def test_a_wrong_number_of_the_reference_does_not_hide_itself():
    """It would widen the interval by more than it is wrong, if it counted in it."""
    wrong = REFERENCE.replace("t,1,a,asr,1,12.0", "t,1,a,asr,1,912.0")
    found = verdicts(REFERENCE, wrong)
    assert [cell for cell, verdict in found.items() if verdict != "same"] == [("1", "a", "asr", "1")]
    assert found["1", "a", "asr", "1"] == "outside"


def test_of_what_never_moves_only_rounding_may_differ():
    assert verdicts("t,1,b,count,0,7.00001")["1", "b", "count", "0"] == "within"
    assert verdicts("t,1,b,count,5,7")["1", "b", "count", "5"] == "within"
    assert verdicts("t,1,b,count,0,8")["1", "b", "count", "0"] == "outside"


def test_fewer_experiments_and_seeds_are_no_fault_but_a_lost_row_is():
    assert verdicts("t,2,a,asr,1,51.0") == {("2", "a", "asr", "1"): "same"}
    found = verdicts("t,1,a,asr,0,10.0")
    assert found == {("1", "a", "asr", "0"): "same", ("1", "b", "count", "0"): "missing"}
    assert check.fails(check.compare(table("t,1,a,asr,0,10.0"), table(REFERENCE)))


def test_what_the_reference_lacks_is_new_and_no_fault():
    compared = check.compare(table("t,2,a,asr,0,50.0\nt,2,c,asr,0,1.0\nu,2,a,asr,0,1.0"), table(REFERENCE))
    assert dict(zip(compared["table"] + compared["row"], compared["verdict"], strict=True)) == {
        "ta": "same",
        "tc": "new",
        "ua": "new",
    }
    assert not check.fails(compared)


def test_one_seed_says_nothing_of_another():
    alone = "t,1,a,asr,0,10.0"
    assert verdicts("t,1,a,asr,0,10.5\n", alone)["1", "a", "asr", "0"] == "alone"
    assert verdicts("t,1,a,asr,0,10.0\n", alone)["1", "a", "asr", "0"] == "same"


def test_the_sentence_and_the_report_name_what_is_outside():
    run = REFERENCE.replace("t,1,a,asr,1,12.0", "t,1,a,asr,1,47.5").replace("t,2,a,asr,0,50.0", "t,2,a,asr,0,50.5")
    compared = check.compare(table(run), table(REFERENCE))
    assert check.sentence(compared) == "9 numbers: 7 the same, 1 within the spread of seeds, 1 outside"
    text = check.report(compared)
    assert "47.5" in text
    (line,) = [line for line in text.splitlines() if "47.5" in line]
    assert line.split()[:5] == ["t", "1", "a", "asr", "1"]
    # Rows that are all the same are counted together.
    (line,) = [line for line in text.splitlines() if "other rows" in line]
    assert line.split()[1:] == ["other", "rows", "3", "0", "0"]


def test_only_tables_of_every_seed_are_read_and_as_they_are_written(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/seeds.csv").write_text(",".join(COLUMNS) + "\nt,1,none,asr,0,1.10\n")
    (tmp_path / "tables/table6.csv").write_text("experiment,row,column,value,low,high,seeds\n1,none,asr,1.1,0,2,3\n")
    found = check.read_reference(tmp_path)
    assert found.to_numpy().tolist() == [["t", "1", "none", "asr", "0", "1.10"]]
    with pytest.raises(InputError, match="There is no reference to compare mine with"):
        check.read_reference(tmp_path / "mine")


def test_the_committed_reference_is_the_same_as_itself():
    for place in (Path(__file__).parents[3] / "results/reference").glob("*/provenance.json"):
        numbers = check.read_reference(place.parent)
        compared = check.compare(numbers, numbers)
        assert len(compared) == len(numbers) > 140 * len(numbers[["experiment", "seed"]].drop_duplicates())
        assert set(compared["verdict"]) == {"same"}


def test_means_over_permutations_are_not_compared(tmp_path):
    """A reference with more permutations has another mean; the first permutation is the same in both."""
    lines = ["table,experiment,row,column,seed,value"]
    for name, value in (("run", 40), ("reference", 49)):
        rows = [f"table4,1,paper,permuted_mean_auroc,0,{value}", "table4,1,paper,permuted_auroc,0,44"]
        (tmp_path / f"{name}.csv").write_text("\n".join([*lines, *rows, ""]))
    compared = check.compare(*(check.read([tmp_path / f"{name}.csv"]) for name in ("run", "reference")))
    assert compared["column"].tolist() == ["permuted_auroc"]
    assert compared["verdict"].tolist() == ["same"]
