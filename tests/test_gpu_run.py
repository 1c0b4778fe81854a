"""A stretch on a GPU, rehearsed on a processor with the tiny configuration."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import read_json
from rethinking_backdoors.margins.shards import open_shards
from rethinking_backdoors.training import mlp
from rethinking_backdoors.training.deadline import Deadline

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests" / "workflow" / "tiny.yaml"
MARGINS = {"task": "margins", "experiments": [2], "alpha": 30, "models": [0, 60], "seconds": 0.01}


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from gpu import keep, merge, plan, stretch

    return {"keep": keep, "merge": merge, "plan": plan, "stretch": stretch}


@pytest.fixture
def run(gpu, tmp_path):
    """Works through tasks; ``name`` is the folder of what comes back, ``work`` that of the machine."""

    def run(tasks, *, seconds=100.0, name="out", work="work"):
        path = tmp_path / "plan.yaml"
        path.write_text(yaml.safe_dump({"config": "tests/workflow/tiny.yaml", "seed": 0, "tasks": tasks}))
        plan = gpu["plan"].read(path, tmp_path / work, "cpu", Deadline(seconds))
        return gpu["stretch"].work_through(plan, tmp_path / name)

    return run


def test_a_plan_is_done_and_comes_home(run, gpu, tmp_path):
    tasks = [
        {"task": "poison", "experiments": [5], "seconds": 1},
        {"task": "deployed", "experiments": [5, 2], "seconds": 1},
        {"task": "changed", "experiments": [2], "settings": [{"target_class": 0}, {"peak_lr": 0.1}], "seconds": 1},
        {"task": "learnt", "experiments": [2], "alpha": 50, "training": {"batch_size": 10}, "seconds": 1},
        MARGINS,
    ]
    record = run(tasks)
    assert [piece["name"] for piece in record["pieces"]] == [
        "poison [5]",
        "deployed 5",
        "deployed 2",
        "deployed 2 with target_class 0",
        "deployed 2 with peak_lr 0.1",
        "learnt 2 at 50 %",
        *(f"margins 2 at 30 %, {first} to {end}" for first, end in ((0, 24), (25, 49), (50, 59))),
    ]
    assert all("failed" not in piece for piece in record["pieces"])
    # A trigger on 20 of 200 images of another class is learnt; one measured as in the workflow.
    assert record["pieces"][2]["asr"] > 50
    # The second run finds everything done.
    assert [piece["name"] for piece in run(tasks, name="again")["pieces"]] == ["learnt 2 at 50 %"]
    gpu["merge"].merge([tmp_path / "out"], tmp_path / "home", TINY)
    whole = sorted((tmp_path / "home/exp2/seed0/alpha30/margins").glob("*.npy"))
    assert [path.name for path in whole] == ["00000.npy", "00001.npy", "000050-000060.npy"]
    table = pd.read_csv(tmp_path / "home/table1.csv")
    assert set(table["experiment"]) == {2, 5}
    verified = pd.read_csv(tmp_path / "home/verification.csv")
    answered = verified[verified["verdict"] != "not run"]
    assert set(answered["where"]) == {"Table 1", "Table 6"}
    pieces = pd.read_csv(tmp_path / "home/pieces.csv")
    assert len(pieces) == len(record["pieces"])


def test_what_does_not_fit_is_named_and_what_fits_after_it_is_done(run):
    record = run([{"task": "deployed", "experiments": [2], "seconds": 1000}, MARGINS])
    first, *others = record["pieces"]
    assert "1000.0 s of" in first["not done"]
    assert [piece["models"] for piece in others] == [25, 25, 10]


def test_a_shard_ends_at_the_deadline_and_the_next_stretch_completes_it(run, gpu, tmp_path):
    record = run([{**MARGINS, "seconds": -1}], seconds=0)  # the first block is always trained: 16 models
    assert [piece.get("models") for piece in record["pieces"]] == [16, None, None]
    run([MARGINS], name="more")
    gpu["merge"].merge([tmp_path / "out", tmp_path / "more"], tmp_path / "home", TINY)
    folder = tmp_path / "home/exp2/seed0/alpha30/margins"
    assert sorted(path.name for path in folder.glob("*.npy")) == ["00000.npy", "00001.npy", "000050-000060.npy"]
    assert read_json(folder / "00000.json")["models"] == [0, 25]
    run([MARGINS], name="whole", work="fresh")
    gpu["merge"].merge([tmp_path / "whole"], tmp_path / "at once", TINY)
    for path in folder.glob("*.npy"):
        assert (np.load(path) == np.load(tmp_path / "at once/exp2/seed0/alpha30/margins" / path.name)).all()


def test_at_most_so_many_files_of_so_many_bytes(run, gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu["stretch"], "FILES", 3)
    monkeypatch.setattr(gpu["stretch"], "BYTES", 2**16 + 40_000)  # three shards of 25 models x 200 examples
    record = run([{**MARGINS, "models": [0, 300]}])
    found = sorted((tmp_path / "out").iterdir())
    assert len(found) <= 3
    assert all(path.stat().st_size <= 2**16 + 40_000 for path in found)
    refused = [piece for piece in record["pieces"] if "not done" in piece]
    assert refused
    assert all("no room" in piece["not done"] for piece in refused)
    names = [name for path in found if path.suffix == ".zip" for name in zipfile.ZipFile(path).namelist()]
    assert len(names) == len(set(names))


def test_a_diverged_model_is_left_out_and_the_others_stay(run, gpu, tmp_path, monkeypatch):
    train = mlp.train

    def diverging(*arguments, **options):
        trained = train(*arguments, **options)
        trained.first[1] = float("nan")
        return trained

    monkeypatch.setattr(mlp, "train", diverging)
    record = run([{**MARGINS, "models": [0, 16]}])
    assert record["pieces"][0]["models"] == 16
    shards, common = open_shards(list((tmp_path / "work").rglob("*.npy")))
    assert common["models"] == [0, *range(2, 16)]
    assert np.isfinite(shards[0]).all()


def test_later_stretches_add_to_what_is_kept(run, gpu, tmp_path, monkeypatch):
    run([{"task": "poison", "experiments": [5], "seconds": 1}, {**MARGINS, "models": [0, 30]}])
    home, kept, later = tmp_path / "home", tmp_path / "kept", tmp_path / "later"
    gpu["merge"].merge([tmp_path / "out"], home, TINY)
    gpu["keep"].keep(home, kept)
    run([{**MARGINS, "models": [30, 60]}], name="second", work="second work")
    gpu["merge"].merge([kept, tmp_path / "second"], later, TINY)
    shards, common = open_shards(list((later / "exp2/seed0/alpha30/margins").glob("*.npy")))
    assert common["models"] == list(range(60))
    assert sorted(path.name for path in (later / "exp2/seed0/alpha30/margins").glob("*.npy")) == [
        "00000.npy",
        "00001.npy",
        "000050-000060.npy",
    ]
    before, _ = open_shards(list((home / "exp2/seed0/alpha30/margins").glob("*.npy")))
    assert np.abs(np.concatenate(shards)[:30] - np.concatenate(before)).max() <= 1 / 16 + 0.01
    poisons = [np.load(folder / "exp5/seed0/poison.npz") for folder in (home, later)]
    assert all((poisons[0][name] == poisons[1][name]).all() for name in ("index", "image", "label"))
    assert pd.read_csv(later / "margins.csv")["seconds"][0] >= 0
    monkeypatch.setattr(gpu["keep"], "BYTES", 100)
    gpu["keep"].keep(home, tmp_path / "small")
    assert not list((tmp_path / "small").glob("margins-*"))


def test_a_piece_that_fails_does_not_stop_the_others(run, monkeypatch, capsys):
    # Experiment 5 is adversarial, and nobody has made its images.
    record = run([{"task": "deployed", "experiments": [5], "seconds": 1}, MARGINS])
    assert "a task 'poison' must come first" in record["pieces"][0]["failed"]
    assert record["pieces"][-1]["models"] == 10


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ({"task": "paint"}, "task 1 is 'paint'"),
        ({**MARGINS, "experiments": [7]}, "experiment 7, which the configuration lacks"),
        ({**MARGINS, "model": 3}, "has a key model"),
        ({"task": "poison", "experiments": [5]}, "lacks seconds"),
    ],
)
def test_a_wrong_plan_is_refused_in_a_sentence(run, task, says):
    with pytest.raises(InputError, match=says):
        run([task])


def command(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    words = [sys.executable, str(ROOT / "tools/gpu_run.py"), *map(str, arguments)]
    return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)


def test_sigterm_closes_what_is_begun(tmp_path):
    tasks = [{**MARGINS, "models": [0, 1_000_000]}]
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({"config": "tests/workflow/tiny.yaml", "seed": 0, "tasks": tasks}))
    job = command("run", tmp_path / "plan.yaml", "--out", tmp_path / "out", "--work", tmp_path / "work", "--seconds", 600)
    while job.poll() is None and not (tmp_path / "out/files-0.zip").exists():
        time.sleep(0.05)
    job.send_signal(signal.SIGTERM)
    _, said = job.communicate(timeout=120)
    assert job.returncode == 0, said
    done = [piece["models"] for piece in read_json(tmp_path / "out/record.json")["pieces"] if "models" in piece]
    names = [name for name in zipfile.ZipFile(tmp_path / "out/files-0.zip").namelist() if name.endswith(".npy")]
    assert len(names) == len(done) > 0
    assert not list((tmp_path / "work").rglob("*.partial"))


def test_bad_input_ends_in_one_sentence(tmp_path):
    job = command("merge", tmp_path, "--into", tmp_path / "home")
    _, said = job.communicate(timeout=60)
    assert job.returncode == 2
    assert said.count("\n") == 1
    assert "holds no record.json" in said


def test_the_check_passes_on_a_processor():
    job = command("check", "--device", "cpu", "--images", 32, "--quick")
    found, said = job.communicate(timeout=300)
    assert job.returncode == 0, found + said
    assert "check: everything is right" in found


def test_packages_that_travel_along_are_found_and_only_where_they_lack(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from gpu.bundle import PACKAGES, bundle

    bundle(tmp_path)
    assert capsys.readouterr().out.count("\n") == len(PACKAGES) + 1
    code = "import pydantic, tqdm, yaml; print(pydantic.__file__, pydantic.BaseModel)"
    # Without site-packages there is nothing but the bundle.
    done = subprocess.run([sys.executable, "-S", "-c", code], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))
