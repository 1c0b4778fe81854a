from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from typer.testing import CliRunner

from rethinking_backdoors import config
from rethinking_backdoors.attacks.poisoning import poisoned_set
from rethinking_backdoors.cli import app
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import read_json, read_npz
from rethinking_backdoors.seeds import root
from rethinking_backdoors.training.engine import train_shard

TINY = Path(__file__).parents[1] / "workflow" / "tiny.yaml"


def run(*arguments, **options):
    given = {"config": TINY, "experiment": 5, "models": "150:190", **options}
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    return CliRunner().invoke(app, ["train", *words, *arguments])


def test_margins_are_those_of_the_library(tmp_path):
    done = run(out=tmp_path / "made")
    assert done.exit_code == 0, done.output
    settings = config.load(TINY)
    arrays, _ = Experiment.of(settings, 5, 0, "cpu").draw()
    bad = read_npz(tmp_path / "made/poison.npz")
    data = poisoned_set(arrays["train_image"], arrays["train_label"], bad)
    assert len(bad["index"]) == 10
    assert read_json(tmp_path / "made/attack.json")["seed"] == 0
    # Cut where the workflow cuts: its shards have 160 models.
    for name, models in (("000150-000160", (150, 160)), ("000160-000190", (160, 190))):
        path = tmp_path / f"{name}.npy"
        train_shard(*data, path, root=root("tiny", 5, 0), alpha=0.5, models=models, training=settings["training"])
        assert (tmp_path / f"made/alpha50/margins/{name}.npy").read_bytes() == path.read_bytes()
        assert read_json(tmp_path / f"made/alpha50/margins/{name}.json")["models"] == list(models)


def test_a_second_run_takes_what_is_there_and_goes_on(tmp_path):
    assert run(out=tmp_path, models="0:16").exit_code == 0
    first = tmp_path / "alpha50/margins/000000-000016.npy"
    changed = first.stat().st_mtime_ns
    done = run(out=tmp_path, models="0:16")
    assert "is there already" in done.output
    assert "making the poisoned set" not in done.output
    assert first.stat().st_mtime_ns == changed
    # Killed between the array and its manifest.
    stored = first.read_bytes()
    first.with_suffix(".json").unlink()
    done = run(out=tmp_path, models="0:16")
    assert (done.exit_code, first.read_bytes()) == (0, stored), done.output
    assert read_json(first.with_suffix(".json"))["models"] == [0, 16]


def test_all_subset_fractions_of_an_experiment_or_one(tmp_path):
    assert run(out=tmp_path / "all", experiment=2, models="0:16").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "all").glob("alpha*")) == ["alpha30", "alpha50"]
    assert run(out=tmp_path / "one", experiment=2, models="0:16", alpha=30).exit_code == 0
    assert [path.name for path in (tmp_path / "one").glob("alpha*")] == ["alpha30"]
    names = ["all/alpha30/margins/000000-000016.npy", "one/alpha30/margins/000000-000016.npy"]
    assert np.array_equal(*(np.load(tmp_path / name) for name in names))


def broken(tmp_path, text):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"experiment": 7}, "--experiment 7"),
        ({"models": "5:5"}, "--models 5:5"),
        ({"models": "0:500"}, "models.count, 320"),
        ({"models": "all"}, "--models all"),
        ({"alpha": 20}, "--alpha 20"),
        ({"device": "cudas"}, "cudas"),
        ({"config": "nowhere.yaml"}, "nowhere.yaml"),
        ({"config": "[1, 2]"}, "no configuration"),
        ({"config": "a: [1"}, "no YAML"),
        ({"config": TINY.read_text().replace("rows: [4, 4]", "rows: [4, 9]")}, "triggers.three_way: rows are [4, 9]"),
        ({"config": yaml.safe_dump({**yaml.safe_load(TINY.read_text()), "learning_rate": 1})}, "learning_rate"),
    ],
)
def test_what_the_user_did_wrong_ends_in_one_sentence_and_exit_code_2(tmp_path, options, named):
    if "config" in options and options["config"] != "nowhere.yaml":
        options = {"config": broken(tmp_path, options["config"])}
    done = run(out=tmp_path / "made", **options)
    assert done.exit_code == 2
    assert named in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert not (tmp_path / "made").exists()


def test_a_folder_of_another_experiment_is_left_alone(tmp_path):
    assert run(out=tmp_path, models="0:16").exit_code == 0
    done = run(out=tmp_path, models="0:16", experiment=2)
    assert done.exit_code == 2
    assert "choose another --out" in done.stderr
    assert not (tmp_path / "alpha30").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_gpu_is_named(tmp_path):
    done = run(out=tmp_path / "made", device="cuda")
    assert done.exit_code == 2
    assert "--device cpu" in done.stderr


def test_no_threads_are_refused(tmp_path):
    done = run(out=tmp_path / "made", threads=0)
    assert done.exit_code == 2
    assert "--threads" in done.stderr
    assert not (tmp_path / "made").exists()


def test_without_pydantic_the_check_says_what_it_leaves_out(monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "pydantic", None)
    config.check(yaml.safe_load(TINY.read_text()))
    assert "not noticed" in capsys.readouterr().err


def test_trak_makes_a_matrix_that_detect_takes(tmp_path):
    pytest.importorskip("trak", reason="traker is not installed")
    done = run("--trak", out=tmp_path, models="0:3")
    assert done.exit_code == 0, done.output
    manifest = read_json(tmp_path / "alpha50/datamodel_trak.json")
    assert (manifest["estimator"], manifest["m"]) == ("trak", 3)
    assert not (tmp_path / "alpha50/margins").exists()
    words = [tmp_path / "alpha50/datamodel_trak.npy", "--sizes", 10, "--restarts", 2, "--out", tmp_path / "scores.csv"]
    done = CliRunner().invoke(app, ["detect", *map(str, words)])
    assert done.exit_code == 0, done.output
    settings = config.load(TINY)
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == settings["images"]["train"] + 1
    assert "first models" in run("--trak", out=tmp_path / "no", models="5:8").stderr
