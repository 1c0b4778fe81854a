import json
from pathlib import Path

import pytest

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import sha256

ROOT = Path(__file__).parents[1]


@pytest.fixture
def reference(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import reference

    return reference


@pytest.fixture
def finished(tmp_path, reference):
    """A finished run of two tables and a figure; the reference holds an older one."""
    files = {f"results/mine/{name}": f"new {name}" for name in reference.PAGES}
    files |= {"results/mine/tables/seeds.csv": "new", "results/mine/tables/same.csv": "same", "figures/mine/figure3.png": "new"}
    files |= {
        "results/mine/tables/choices_seeds.csv": "made on request",
        "figures/mine/figure3.pdf": "pdf",
        "results/mine/summary.md": "![figure3](../../figures/mine/figure3.png)",
    }
    files |= {"results/reference/mine/tables/same.csv": "same", "results/reference/mine/tables/gone.csv": "old"}
    files |= {"results/reference/mine/tables/choices.csv": "kept", "figures/reference/mine/figure10_full.png": "kept"}
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    listed = {name: sha256(tmp_path / name) for name in ("results/mine/tables/seeds.csv", "figures/mine/figure3.png")}
    (tmp_path / "results/mine/provenance.json").write_text(json.dumps({"sha256": listed}))
    return tmp_path


def test_a_finished_run_becomes_the_reference(finished, reference):
    changed = reference.copy("mine", finished)
    assert {"seeds.csv", "figure3.png", "gone.csv (gone)", "summary.md"} <= set(changed)
    assert not {"same.csv", "choices.csv", "figure3.pdf"} & set(changed)
    place = finished / "results/reference/mine"
    assert sorted(path.name for path in (place / "tables").iterdir()) == ["choices.csv", "same.csv", "seeds.csv"]
    assert (place / "summary.md").read_text() == "![figure3](../../../figures/reference/mine/figure3.png)"
    assert sorted(path.name for path in (finished / "figures/reference/mine").iterdir()) == ["figure10_full.png", "figure3.png"]
    # The run itself is what it was, and again there is nothing to change but the page whose links differ.
    assert (finished / "results/mine/summary.md").read_text() == "![figure3](../../figures/mine/figure3.png)"
    assert reference.copy("mine", finished) == ["summary.md"]


def test_an_unfinished_run_is_refused(finished, reference):
    (finished / "results/mine/claims.csv").unlink()
    with pytest.raises(InputError, match=r"no finished run \(claims\.csv is missing\)"):
        reference.copy("mine", finished)


def test_a_file_that_is_not_the_recorded_one_is_refused(finished, reference):
    (finished / "figures/mine/figure3.png").write_text("drawn by hand")
    with pytest.raises(InputError, match=r"figure3\.png is not the file that provenance\.json lists"):
        reference.copy("mine", finished)
    assert not (finished / "figures/reference/mine/figure3.png").exists()


def test_the_committed_reference_is_whole():
    """Every file of a record is there; figures as png only."""
    places = [path.parent for path in (ROOT / "results/reference").glob("*/provenance.json")]
    assert {place.name for place in places} >= {"digits", "cifar10_mini"}
    for place in places:
        listed = json.loads((place / "provenance.json").read_text())["sha256"]
        for name in listed:
            parts = Path(name).parts
            path = ROOT.joinpath(parts[0], "reference", *parts[1:])
            assert path.suffix == ".pdf" or path.is_file(), path
        assert not list((ROOT / "figures/reference" / place.name).glob("*.pdf"))


def test_single_tables_of_a_run_that_is_not_finished(tmp_path, reference):
    files = {"results/mine/tables/attacks.csv": "a", "results/mine/tables/growth.csv": "g", "figures/mine/study_growth.png": "p"}
    head, line = "s max_rss cpu_time", "2.0 500 1.5"
    files["results/mine/benchmarks/attacks/exp1-seed0.tsv"] = f"{head}\n{line}\n".replace(" ", "\t")
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert reference.copy_requested("mine", tmp_path, ["attacks", "growth"]) == ["attacks.csv", "growth.csv", "study_growth.png"]
    kept = tmp_path / "results/reference/mine"
    assert (kept / "tables/growth.csv").read_text() == "g"
    assert (tmp_path / "figures/reference/mine/study_growth.png").read_text() == "p"
    assert (kept / "cost.csv").read_text().splitlines()[1] == "attacks,1,0,1,2.0,1.5,500.0"
    with pytest.raises(InputError, match=r"scan\.csv is missing"):
        reference.copy_requested("mine", tmp_path, ["scan"])


def test_the_scan_is_a_row_of_the_tables_of_defenses(tmp_path, reference):
    head = "experiment,row,column,value,low,high,seeds\n"
    (tmp_path / "table6.csv").write_text(
        head + "0,none,asr,1.0,0.5,1.5,3\n1,none,asr,90.0,80.0,100.0,3\n2,none,asr,99.0,98.0,100.0,3\n"
    )
    (tmp_path / "defenses.csv").write_text(head + "0,none,removed,0.0,0.0,0.0,3\n1,none,removed,0.0,0.0,0.0,3\n")
    rows = "0,nobody attacked: as it is,flagged,0.5,0.0,1.0,0 1\n1,scan,asr,7.0,5.0,9.0,0 1\n1,scan,flagged,20.0,20.0,20.0,0 1\n"
    (tmp_path / "scan.csv").write_text(head + rows + '1,"margin_sd, Otsu",asr,1.0,1.0,1.0,0 1\n')
    for _ in range(2):  # the second time nothing is added
        reference.add_scan(tmp_path)
    assert (tmp_path / "table6.csv").read_text().splitlines()[1:] == [
        "0,none,asr,1.0,0.5,1.5,3",
        "1,none,asr,90.0,80.0,100.0,3",
        "1,scan,asr,7.0,5.0,9.0,2",
        "2,none,asr,99.0,98.0,100.0,3",
    ]
    assert "0,scan,removed,0.5,0.0,1.0,2" in (tmp_path / "defenses.csv").read_text().splitlines()
