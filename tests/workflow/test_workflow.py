"""The real Snakefile, end to end, on a tiny configuration, in a folder with spaces in its name."""

import base64
import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from running import OLDER, RESULTS, ROOT, TINY, planned, snakemake, variant

from rethinking_backdoors import kernels
from rethinking_backdoors.io import read_json

pytestmark = pytest.mark.slow


def test_every_promised_file_is_there(folder):
    tables = ["seeds", "table1", "table2", "table3", "table4", "table6", "defenses", "evidence", "figure2", "figure2_seeds"]
    tables += ["compute", "compute_seeds"]
    answers = ["verification.csv", "verification.md", "claims.csv"]
    expected = [RESULTS / name for name in answers]
    expected += [RESULTS / "tables" / f"{name}.csv" for name in tables] + [RESULTS / "summary.md", RESULTS / "cost.csv"]
    expected += [Path("figures/tiny") / f"figure{number}.{kind}" for number in range(2, 13) for kind in ("png", "pdf")]
    expected += [RESULTS / f"exp{e}/seed{s}" / name for e in (0, 2, 5) for s in (0, 3) for name in ("poison.npz", "attack.json")]
    assert [path for path in expected if not (folder / path).is_file()] == []


def test_the_tables_hold_every_cell_and_every_seed(folder):
    seeds = pd.read_csv(folder / RESULTS / "tables/seeds.csv")
    assert not seeds["value"].isna().any()
    assert set(seeds["seed"]) == {0, 3}
    table4 = pd.read_csv(folder / RESULTS / "tables/table4.csv").set_index(["experiment", "row", "column"])
    controls = [
        "auroc_label_only",
        "crossfit_auroc",
        "permuted_poison_left",
        "auroc_margin_sd",
        "auroc_within_target",
        "precision_at_p",
    ]
    for key in [
        (e, detector, column) for e in (2, 5) for detector in ("paper", "refined") for column in ["auroc_scores", *controls]
    ]:
        assert table4.loc[key, "seeds"] == 2
        assert table4.loc[key, "low"] <= table4.loc[key, "value"] <= table4.loc[key, "high"]
    table2 = pd.read_csv(folder / RESULTS / "tables/table2.csv")
    assert "auroc_alpha30" in set(table2.loc[table2["experiment"] == 2, "column"])
    for name in ("table3", "table6"):
        table = pd.read_csv(folder / RESULTS / f"tables/{name}.csv")
        assert set(table["experiment"]) == {0, 2, 5}
        for _, rows in table.groupby(["experiment", "column"]):
            assert rows["row"].tolist() == [
                "none",
                "random",
                "true",
                "ac",
                "ispl",
                "spectre",
                "ss",
                "margin_sd",
                "paper",
                "refined",
            ]
    assert not {0} & set(table4.reset_index()["experiment"])


def test_what_defenses_remove_and_were_told_is_in_the_table(folder):
    table = pd.read_csv(folder / RESULTS / "tables/defenses.csv").set_index(["experiment", "row", "column"])["value"].sort_index()
    for e, told, poisoned in ((0, 10, 0), (2, 20, 20), (5, 10, 10)):
        for row in ("ac", "ispl", "spectre", "ss", "paper", "refined"):
            numbers = table[e, row]
            assert numbers["removed"] == numbers["poison_removed"] + numbers["clean_removed"]
            assert numbers["poison_removed"] + numbers["poison_left"] == poisoned
            assert numbers["told_target_class"] == (row in ("spectre", "ss"))
            assert numbers["told_poisoned"] == (told if row in ("spectre", "ss") else 0)
            # Activation Clustering makes no scores, and without poison there is nothing to rank.
            assert ("auroc_within_target" in numbers) == (row != "ac" and e != 0)
        assert table[e, "ss"]["removed"] == 1.5 * told
        assert (table[e, "true"]["poison_removed"], table[e, "true"]["clean_removed"]) == (poisoned, 0)
        assert table[e, "random"]["removed"] == table[e, "margin_sd"]["removed"] == table[e, "paper"]["removed"]


def test_the_answer_misses_nothing_of_a_run_with_two_of_the_papers_experiments(folder):
    verified = pd.read_csv(folder / RESULTS / "verification.csv")
    assert len(verified) == 467
    run = verified["experiment"].isin([2, 5])
    assert set(verified.loc[run, "verdict"]) == {"not comparable"}
    assert set(verified.loc[~run, "verdict"]) == {"not run"}
    assert not verified.loc[run, ["measured", "low", "high"]].isna().any().any()
    claims = pd.read_csv(folder / RESULTS / "claims.csv")
    whole = claims[claims["experiment"] == "all"].set_index("claim")
    assert whole.loc["C1", "sentence"].count("not run in 6 of 8 (1, 3, 4, 6, 7, 8)") == 1
    assert whole.loc["C5", "verdict"] != "holds"
    assert "| all | 0 | 0 | 0 | 116 | 351 | 467 |" in (folder / RESULTS / "verification.md").read_text()


def test_figure_2_has_every_number_and_stays_out_of_the_other_tables(folder):
    table = pd.read_csv(folder / RESULTS / "tables/figure2.csv").set_index(["part", "row", "column"])
    rows = [("object", str(count), name) for count in (0, 5, 10) for name in ("assigned", "assigned_without", "accuracy")]
    rows += [("natural", row, "assigned") for row in ("before", "size 3", "control 3", "size 4", "control 4")]
    scored = ["oracle", *(name + part for name in ("paper", "refined") for part in ("", ", cross-fitted", ", permuted masks"))]
    columns = ["auroc", "auroc_within_class", "modified_caught", "removed_modified"]
    rows += [("detection", row, column) for row in scored for column in columns]
    assert not table.loc[rows, ["value", "low", "high"]].isna().any(axis=None)
    assert (table["seeds"] == 2).all()
    poison = np.load(folder / RESULTS / "exp20/seed3/poison.npz")
    images = np.load(folder / RESULTS / "images/seed3.npz")
    assert len(poison["index"]) == 10
    assert (images["train_label"][poison["index"]] == 8).all()
    assert (poison["image"] != images["train_image"][poison["index"]]).any((1, 2, 3)).all()
    assert np.load(folder / RESULTS / "exp20/seed3/alpha50/margins/00001.npy").shape == (40, 200)
    assert 20 not in set(pd.read_csv(folder / RESULTS / "tables/seeds.csv")["experiment"])
    assert not (folder / RESULTS / "exp20/seed3/train.beton").exists()


def test_a_scan_is_made_on_request(folder):
    code, text = snakemake(folder, RESULTS / "scan/exp2-seed0.csv")
    assert code == 0, text
    rows = pd.read_csv(folder / RESULTS / "scan/exp2-seed0.csv").set_index("row")
    assert list(rows.index) == ["scan", "margin_sd, Otsu", "ranked by the scan"]
    assert rows.loc["scan", "flagged"] == 20 - rows.loc["scan", "poison_left"] + rows.loc["scan", "clean_flagged"]


def test_comparisons_are_made_on_request(folder):
    names = ["released", "choices"]
    code, text = snakemake(folder, *(RESULTS / f"tables/{name}.csv" for name in names))
    assert code == 0, text[-3000:]
    released, choices = (pd.read_csv(folder / RESULTS / f"tables/{name}.csv") for name in names)
    assert set(released["search"]) == {"exact", "released, train-columns", "released, train-rows"}
    assert (released.loc[(released["search"] == "exact") & (released["column"] == "certified"), "value"] == 100).all()
    # Every combination of self-influence, starts, kept share, steps and weight, in three measures.
    assert len(choices) == 2 * 2 * 5 * 2 * 3 * 3
    assert set(choices["seeds"]) == {"0 3"}


def test_a_comparison_trains_the_models_that_it_asks_for_beyond_the_others(folder):
    code, text = snakemake(folder, RESULTS / "tables/convergence.csv")
    assert code == 0, text[-3000:]
    shards = folder / RESULTS / "exp5/seed0/alpha50/margins"
    assert np.load(shards / "00002.npy").shape[0] == 160
    assert set(pd.read_csv(folder / RESULTS / "tables/convergence.csv")["models"]) == {160, 480}
    # They are no part of the default run, which has nothing to make again.
    assert planned(folder) == {}


def embedded(whole, name):
    """What Snakemake's report holds under a name, from the text of its HTML file."""
    return json.loads(re.search(rf'<script id="{name}">\s*var \w+ = (.*);\n', whole)[1])


def test_the_report_is_one_file_that_holds_every_table_and_figure(folder):
    code, text = snakemake(folder, "report_pages")
    assert code == 0, text[-3000:]
    code, text = snakemake(folder, "report_pages", "--report", "report.html")
    assert code == 0, text[-3000:]
    whole = (folder / "report.html").read_text(encoding="utf-8")
    held = {Path(path).stem: entry for path, entry in embedded(whole, "results").items()}
    tables = [f"table{number}" for number in (1, 2, 3, 4, 6)] + ["defenses", "compute", "claims", "verification"]
    figures = [f"figure{number}" for number in range(2, 13)]
    assert set(held) == {*tables, *figures, "cost"}
    assert {"1 Did it replicate", "2 Attacks", "7 Compute"} < set(embedded(whole, "categories"))
    fetched = re.compile(r"<(?:script|link|img|iframe)[^>]*?(?:src|href) *= *[\"']?(?:\w+:)?//|@import", re.IGNORECASE)
    assert fetched.search('<img alt="x" src="https://somewhere/x.png">')  # what is looked for can be found
    assert not fetched.search(whole)
    for name, entry in held.items():
        assert entry["mime_type"] == "text/html"
        page = base64.b64decode(entry["data_uri"].split("base64,")[1]).decode()
        assert not fetched.search(page)
        assert f"<h1>{entry['labels']['table or figure']}</h1>" in html.unescape(page)
        parts = ["What to look at.", "In the paper.", "Here."]
        assert re.findall(r"<strong>(.*?)</strong>", entry["caption"]) == re.findall(r"<p><b>(.*?)</b>", page) == parts
        if name in figures:
            assert base64.b64encode((folder / f"figures/tiny/{name}.png").read_bytes()).decode() in page
        elif name in tables:
            (path,) = (folder / RESULTS).glob(f"**/{name}.csv")
            assert base64.b64encode(path.read_bytes()).decode() in page
    asr = pd.read_csv(folder / RESULTS / "tables/table6.csv").set_index(["experiment", "row"])["value"]
    assert f"highest success is {asr[:, 'paper'].max():.1f} %" in held["table6"]["caption"].replace("\n", " ")
    assert "the attacks succeed on" in embedded(whole, "workflow-desc")


def test_removal_takes_the_highest_scores_and_no_more(folder):
    for seed in (0, 3):
        place = folder / RESULTS / f"exp2/seed{seed}"
        removed = json.loads((place / "defenses/refined.json").read_text())["removed"]
        score = np.load(place / "alpha30/detection_refined.npz")["score"]
        assert len(removed) == 40
        assert score[removed].min() >= np.delete(score, removed).max()


def test_the_beton_gives_the_same_margins_as_the_arrays(folder, tmp_path):
    pytest.importorskip("ffcv", reason="ffcv is not installed here")

    def ffcv(config):
        config["loader"] = "ffcv"

    margins = RESULTS / "exp5/seed0/alpha50/margins/00000.npy"
    assert "loader: tensor" in (folder / RESULTS / "logs/train/exp5-seed0-alpha50-00000.log").read_text()
    before = np.load(folder / margins).copy()
    code, text = snakemake(folder, margins, config=variant(tmp_path, ffcv))
    assert code == 0, text[-3000:]
    assert (folder / RESULTS / "exp5/seed0/train.beton").is_file()
    assert (np.load(folder / margins) == before).all()
    assert "loader: tensor" not in (folder / RESULTS / "logs/train/exp5-seed0-alpha50-00000.log").read_text()


@pytest.mark.parametrize("experiment", [2, 5])
def test_the_command_makes_the_same_bytes_without_snakemake(folder, tmp_path, experiment):
    arguments = ["--config", TINY, "--experiment", experiment, "--seed", 3, "--models", "160:320", "--out", tmp_path / "own"]
    command = [sys.executable, "-m", "rethinking_backdoors.cli", "train", *map(str, arguments)]
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **OLDER, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    made, expected = tmp_path / "own", folder / RESULTS / f"exp{experiment}/seed3"
    margins = [f"alpha{a}/margins/00001.npy" for a in ((50, 30) if experiment == 2 else (50,))]
    for name in ["poison.npz", "attack.json", *margins]:
        assert (made / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.skipif(not kernels.available(), reason="this processor lacks AVX2, so kernels cannot be chosen here")
def test_the_workflow_s_kernels_win_and_are_on_record(folder):
    record = json.loads((folder / RESULTS / "provenance.json").read_text())
    assert record["kernels"]["asked"] == "portable"
    assert (record["kernels"]["torch"], record["kernels"]["openblas"], record["kernels"]["mkl"]) == ("AVX2", "Haswell", "AVX2")


def test_the_record_says_which_images_were_read(folder):
    source = read_json(folder / RESULTS / "images/seed0.json")
    assert source["origin"].startswith("scikit-learn ")
    assert read_json(folder / RESULTS / "provenance.json")["images"] == source
    assert "not the official" not in (folder / RESULTS / "summary.md").read_text()
