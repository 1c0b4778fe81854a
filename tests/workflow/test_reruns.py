"""What is made again, and what is not: after a change, a deletion, another seed, a truncated file."""

import re
import shutil
import time

import pytest
from running import RESULTS, planned, snakemake, variant

pytestmark = pytest.mark.slow


def test_a_second_run_has_nothing_to_do(folder):
    assert planned(folder) == {}


def test_check_says_whether_the_numbers_are_the_reference_s(folder):
    code, text = snakemake(folder, "check", "--quiet", "all")
    assert (code, "There is no reference to compare tiny with" in text) == (1, True), text
    place = folder / "results/reference/tiny/tables"
    shutil.copytree(folder / RESULTS / "tables", place)
    code, text = snakemake(folder, "check", "--quiet", "all")
    assert code == 0, text
    (count,) = re.findall(r"^([\d,]+) numbers: \1 the same, 0 within the spread of seeds, 0 outside$", text, re.MULTILINE)
    assert int(count.replace(",", "")) > 1000
    # One cell of the reference is another.
    lines = (place / "seeds.csv").read_text().splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("table6,5,none,asr,3,")]
    lines[at] = "table6,5,none,asr,3,-900.0"
    (place / "seeds.csv").write_text("\n".join([*lines, ""]))
    code, text = snakemake(folder, "check", "--quiet", "all")
    assert code == 1
    assert re.search(r"^ *table6 +5 +none +asr +3 .*-900\.0", text, re.MULTILINE), text
    assert "Numbers of this run are outside what seeds differ by" in text
    assert "Traceback" not in text
    shutil.rmtree(folder / "results/reference")


def test_a_run_does_not_wait_for_the_minute_of_snakemakes_limit_on_jobs(tmp_path):
    started = time.monotonic()
    code, text = snakemake(tmp_path, RESULTS / "images/seed0.npz")
    assert code == 0, text[-3000:]
    assert time.monotonic() - started < 60


def test_a_deleted_file_is_made_again_with_what_depends_on_it_and_nothing_else(folder):
    before = (folder / RESULTS / "tables/seeds.csv").read_bytes()
    (folder / RESULTS / "exp5/seed3/alpha50/detection_refined.npz").unlink()
    after = {
        "detect",
        "defend",
        "retrain",
        "numbers",
        "tables",
        "verification",
        "summary",
        "record",
        "figure11",
        "figure12",
    }
    assert {name for name, count in planned(folder).items() if count} - {"all"} == after
    code, text = snakemake(folder)
    assert code == 0, text[-3000:]
    # The same seeds give the same bytes.
    assert (folder / RESULTS / "tables/seeds.csv").read_bytes() == before
    assert planned(folder) == {}


def test_a_changed_value_reruns_what_depends_on_it_and_nothing_else(folder, tmp_path):
    def remove_less(config):
        config["experiments"][1]["removed"] = 0.1

    plan = planned(folder, config=variant(tmp_path, remove_less))
    assert plan["defend"] == 4
    assert plan["retrain"] == 2
    # Comparisons count the poison that is left after removal.
    compared = {"compare", "comparison_table", "figure10"}
    after = {"defend", "yardsticks", "retrain", "numbers", "tables", "verification", "summary", "record", "figure11", "figure12"}
    assert set(plan) - {"all", *compared} == after

    def fewer_restarts(config):
        config["detectors"]["paper"]["restarts"] = 4

    plan = planned(folder, config=variant(tmp_path, fewer_restarts))
    assert "train" not in plan
    assert "datamodel" not in plan
    # Four settings by one detector, one of them without an attack; the control runs both, where detection looks.
    # Figure 2 has a number of restarts of its own.
    assert (plan["detect"], plan["control"], plan["defend"]) == (8, 4, 6)
    assert not {"representations", "baseline"} & set(plan)

    def other_defense(config):
        config["defenses"]["ss"]["removed"] = 2.0

    plan = planned(folder, config=variant(tmp_path, other_defense))
    after = {
        "baseline": 2,
        "retrain": 6,
        "numbers": 2,
        "tables": 1,
        "verification": 1,
        "summary": 1,
        "record": 1,
        "figure11": 1,
        "figure12": 1,
    }
    assert {name: count for name, count in plan.items() if name != "all"} == after

    def other_training(config):
        config["training"]["epochs"] = 5

    plan = planned(folder, config=variant(tmp_path, other_training))
    assert plan["train"] == 20
    assert not {"images", "adversary", "poison", "beton"} & set(plan)


def test_another_seed_makes_that_seed_and_the_tables_and_nothing_else(folder, tmp_path):
    def three_seeds(config):
        config["seeds"] = [0, 3, 7]

    plan = planned(folder, config=variant(tmp_path, three_seeds))
    of_seed = {"images": 1, "adversary": 1, "poison": 4, "train": 10, "datamodel": 5, "detect": 10, "control": 3, "strength": 3}
    of_seed |= {"representations": 1, "baseline": 4, "defend": 6, "yardsticks": 3, "retrain": 3, "evidence": 3, "numbers": 1}
    of_seed |= {"compare": 2, "plausible": 1}
    of_all = [
        "tables",
        "comparison_table",
        "figure2_table",
        "verification",
        "summary",
        "record",
        "figure2",
        "figure10",
        "figure11",
        "figure12",
    ]
    assert {name: count for name, count in plan.items() if name != "all"} == of_seed | dict.fromkeys(of_all, 1)


def test_a_truncated_file_is_named_without_a_traceback(folder):
    path = folder / RESULTS / "exp2/seed0/alpha30/detection_paper.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    try:
        code, text = snakemake(folder, RESULTS / "exp2/seed0/defenses/paper.json", "--forcerun", "defend")
        assert code == 1
        assert "detection_paper.npz is truncated or no .npz file: delete it and run the workflow again." in text
        assert "Traceback" not in text
    finally:
        path.write_bytes(whole)
