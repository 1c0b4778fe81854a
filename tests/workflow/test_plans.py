"""The real Snakefile without the tiny run: what would be done for which configuration, and what is refused."""

import json
import re
import runpy
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from running import PART, RESULTS, ROOT, TINY, planned, snakemake, variant

from rethinking_backdoors.datamodels import ESTIMATORS
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import write_array, write_npz
from rethinking_backdoors.seeds import root

pytestmark = pytest.mark.slow


def other_images(config):
    config["images"] = {"source": "cifar10", "train": 200, "test": 50, "spare": 20, "folder": "my images", "download": False}
    drawn = config["triggers"].pop("stroke")
    for part in [
        *(square for variants in config["triggers"].values() for squares in variants for square in squares),
        *drawn["parts"],
    ]:
        part["color"] = [255, 0, 255]
    config["triggers"]["stroke"] = drawn


def test_one_defense_can_be_run_alone(tmp_path):
    target = RESULTS / "exp5/seed0/defenses/spectre.json"
    assert set(planned(tmp_path, target)) == {"images", "adversary", "poison", "representations", "baseline"}


def test_the_answer_can_be_asked_for_alone_and_of_a_part(tmp_path):
    def part(config):
        config["only"] = [5]

    code, text = snakemake(tmp_path, "verify", "--dry-run", "--quiet", "rules", config=variant(tmp_path, part))
    assert code == 0, text
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE))
    assert (jobs["evidence"], jobs["verification"], jobs["train"]) == ("2", "1", "4")
    assert not {"figure3", "summary", "record"} & set(jobs)


def test_figure_2_of_a_folder_of_ones_own_images(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    for name, color in (("cat", (150, 90, 40)), ("sky", (60, 110, 200))):
        (tmp_path / "my images" / name).mkdir(parents=True)
        for number in range(60):
            pixels = (np.array(color) + rng.integers(-40, 40, (40, 48, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "my images" / name / f"{number}.png")
    config = yaml.safe_load((ROOT / "config/image_folder.yaml").read_text())
    config["images"] |= {"folder": "my images", "side": 32, "train": 60, "test": 20, "spare": 40}
    config["figure2"] |= {"counts": [0, 15], "tested": 20}
    config["experiments"][1] |= {"poisoned": 15, "models": 32, "restarts": 2}
    config["figure2"]["natural"] |= {"sizes": [8, 12], "candidates": 3, "tried": 5}
    config["features"] |= {"patches": 8, "components": 10}
    config["training"] |= {"batch_size": 10, "hidden": 8}
    config["detectors"] = {name: {**detector, "sizes": [10, 20]} for name, detector in config["detectors"].items()}
    config |= {"seeds": [0, 1], "deployed": {"models": 2}}
    config["experiments"][0]["poisoned"] = 5
    (tmp_path / "folder.yaml").write_text(yaml.safe_dump(config))
    code, text = snakemake(tmp_path, "figures/image_folder/figure2.png", config=tmp_path / "folder.yaml")
    assert code == 0, text[-3000:]
    table = pd.read_csv(tmp_path / "results/image_folder/tables/figure2.csv").set_index(["part", "row", "column"])["value"]
    # Brown and blue: any network tells them apart, and a piece of the sky that covers some of an image is only some of it.
    assert table["object", "0", "accuracy_without"] > 90
    assert {row for part, row, _ in table.index if part == "natural"} == {
        "before",
        "size 8",
        "control 8",
        "size 12",
        "control 12",
    }
    assert (tmp_path / "figures/image_folder/figure2.png").is_file()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda config: config.update(learning_rate=1), "learning_rate"),
        (lambda config: config["models"].update(count=0), "models.count"),
        (lambda config: config["experiments"][0].update(trigger="square"), "square"),
        (lambda config: config["triggers"].update(one_pixel=[[{"rows": [8, 8], "columns": [0, 0], "color": [9]}]]), "one_pixel"),
        (lambda config: config["defenses"]["ss"].update(method="signatures"), "There is no defense 'signatures'"),
        (lambda config: config["defenses"]["ss"].update(share=0.1), "settings of the defense spectral_signatures"),
    ],
)
def test_a_bad_value_ends_in_one_sentence_and_exit_code_2(tmp_path, change, named):
    code, text = snakemake(tmp_path, "--dry-run", config=variant(tmp_path, change))
    assert code == 2
    assert named in text
    assert "Traceback" not in text
    # Beside Snakemake's own word on the profile that it found.
    assert len([line for line in text.strip().splitlines() if "workflow specific profile" not in line]) == 1


def test_cifar10_is_read_from_the_configured_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("CIFAR10_ROOT", raising=False)
    (tmp_path / "my images").mkdir()
    black = {f"x_{part}": np.zeros((size, 32, 32, 3), np.uint8) for part, size in (("train", 50_000), ("test", 10_000))}
    labels = {f"y_{part}": np.arange(size) % 10 for part, size in (("train", 50_000), ("test", 10_000))}
    np.savez_compressed(tmp_path / "my images/cifar10.npz", **black, **labels)
    code, text = snakemake(tmp_path, "--until", "images", config=variant(tmp_path, other_images))
    assert code == 0, text[-3000:]
    source = json.loads((tmp_path / RESULTS / "images/seed3.json").read_text())
    assert (source["origin"], source["official"]) == ("cifar10.npz", False)
    with np.load(tmp_path / RESULTS / "images/seed3.npz") as made:
        assert {name: made[name].shape for name in made.files} == {
            "train_image": (200, 32, 32, 3),
            "train_label": (200,),
            "test_image": (50, 32, 32, 3),
            "test_label": (50,),
            "spare_image": (20, 32, 32, 3),
        }


def test_missing_data_end_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.delenv("CIFAR10_ROOT", raising=False)
    code, text = snakemake(tmp_path, "--until", "images", config=variant(tmp_path, other_images))
    assert code == 1
    assert "CIFAR-10 is not in my images: put cifar-10-batches-py (torchvision's layout) or cifar10.npz there" in text
    assert "Traceback" not in text


def test_the_whole_paper_can_be_planned_without_data(tmp_path, monkeypatch):
    monkeypatch.delenv("CIFAR10_ROOT", raising=False)
    plan = planned(tmp_path, config=ROOT / "config/cifar10.yaml")
    # Eight experiments, the second with two subset fractions, and one without an attack: 100 shards of 1,000 models each; and
    # 20 shards for Figure 2.
    assert plan["train"] == 1020
    assert (plan["poison"], plan["datamodel"], plan["detect"], plan["retrain"], plan["baseline"]) == (10, 11, 22, 9, 36)
    assert sum(plan.values()) < 1500


def resources(folder, config, *targets):
    """For each rule of a dry run on a configuration what its job asks for."""
    code, text = snakemake(folder, *targets, "--dry-run", config=config)
    assert code == 0, text
    found = {}
    for rule, line in re.findall(r"^rule (\w+):$.*?^    resources: (.*?)$", text, re.MULTILINE | re.DOTALL):
        found[rule] = dict(part.split("=") for part in line.split(", "))
    return found


def test_jobs_on_whole_matrices_ask_for_their_memory_and_the_gpu(tmp_path):
    config = yaml.safe_load((ROOT / "config/cifar10.yaml").read_text())
    config["models"] = {"count": 2000, "shard": 2000}
    whole = [f"results/cifar10/exp1/seed0/alpha50/{name}.npz" for name in ("detection_paper", "control_paper", "strength")]
    asked = {}
    for device, estimator in (("cuda", "difference"), ("cpu", "difference"), ("cpu", "lasso")):
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config | {"device": device, "estimator": estimator}))
        found = resources(tmp_path, tmp_path / "config.yaml", *whole)
        for rule in ("datamodel", "strength", "control", "detect"):
            assert found[rule]["gpu"] == str(int(device == "cuda"))
            asked[device, estimator, rule] = int(found[rule]["mem_mb"])
    matrix = 4 * 50_000**2 / 1e6
    for (device, estimator, rule), megabytes in asked.items():
        # Two matrices in a search and of the halves of the models; in a fit W, a block of it and the unpacked masks; the LASSO's
        # Gram matrix is one more.
        matrices = (2 if rule in ("detect", "control") else 1) + (estimator == "lasso" and rule != "detect")
        room = {"cuda": 4000, "cpu": 1000}[device] + (0 if rule == "detect" else 6400)
        assert matrices * matrix + 1000 <= megabytes <= matrices * matrix + room + 100, (device, estimator, rule)
    # Small configurations run as many at once as before, also where memory is counted.
    tiny = resources(tmp_path, TINY, RESULTS / "exp5/seed0/alpha50/strength.npz")
    assert int(tiny["strength"]["mem_mb"]) < 1100


@pytest.mark.parametrize("name", ["datamodel", "control", "strength"])
def test_scripts_fit_on_the_configured_device(tmp_path, name, monkeypatch):
    asked = []

    def ask(**settings):
        asked.append(settings)
        raise InputError("asked")

    monkeypatch.setitem(ESTIMATORS, "difference", ask)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    drawn = np.random.default_rng(0).standard_normal((20, 12)).astype(np.float16)
    known = {"models": [0, 20], "root": str(root("x", 1, 0)), "alpha": 0.5, "settings": "x", "data": "y"}
    write_array(tmp_path / "0.npy", drawn, known)
    write_npz(tmp_path / "poison.npz", index=np.arange(3))
    job = SimpleNamespace(
        input=SimpleNamespace(margins=[tmp_path / "0.npy"], poison=tmp_path / "poison.npz"),
        params=SimpleNamespace(
            estimator="difference", device="cuda:1", storage="float32", detectors={"paper": {}}, permutations=1
        ),
        wildcards=SimpleNamespace(dataset="x", experiment="1", seed="0", alpha="50"),
        resources=SimpleNamespace(mem_mb=100),
        log=[tmp_path / "log"],
    )
    job.output = SimpleNamespace(weights="W.npy", strength="s.npz") if name != "control" else ["c.npz"]
    with pytest.raises(SystemExit):
        runpy.run_path(str(ROOT / f"scripts/{name}.py"), {"snakemake": job})
    assert asked == [{"device": "cuda:1"}]


def test_a_scan_is_planned_for_every_set_and_nothing_else_is_made_for_it(tmp_path):
    jobs = planned(tmp_path, RESULTS / "tables/scan.csv")
    assert set(jobs) == {"images", "adversary", "poison", "scan", "table_on_request"}


def test_clients_are_planned_for_the_largest_plain_attack_of_either_kind_and_where_nobody_attacks(tmp_path):
    jobs = planned(tmp_path, "results/digits/tables/clients.csv", config=ROOT / "config/digits.yaml")
    assert jobs == {"images": 3, "poison": 9, "clients": 9, "table_on_request": 1}
    assert planned(tmp_path, "results/digits/clients/exp2-seed0.csv", config=ROOT / "config/digits.yaml")["clients"] == 1


def test_an_experiment_that_is_not_configured_is_no_file_that_can_be_made(tmp_path):
    code, text = snakemake(tmp_path, RESULTS / "exp1/seed0/poison.npz", "--dry-run")
    assert code != 0
    assert "MissingRuleException" in text
    assert "KeyError" not in text


def test_a_part_of_the_paper_is_one_command(tmp_path):
    """What `make cifar10` writes and runs on a machine with a GPU: some experiments, fewer models."""
    # Silent about folders: the tests themselves may have been started by make.
    command = ["make", "-n", "--no-print-directory", "cifar10", "MODELS=30", "EXPERIMENTS=1,5"]
    plan = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    write, run = plan.stdout.strip().splitlines()[-2:]
    assert run.endswith("--configfile config/cifar10.yaml results/cifar10/part.yaml")
    (tmp_path / "results/cifar10").mkdir(parents=True)
    subprocess.run(write, shell=True, check=True, cwd=tmp_path)
    part = {**yaml.safe_load((ROOT / "config/cifar10.yaml").read_text()), **yaml.safe_load((tmp_path / PART).read_text())}
    (tmp_path / "both.yaml").write_text(yaml.safe_dump(part))
    planned_jobs = planned(tmp_path, config=tmp_path / "both.yaml")
    assert (planned_jobs["train"], planned_jobs["retrain"], planned_jobs["detect"]) == (2, 2, 4)


def test_the_default_profile_gives_the_cores_and_one_gpu(tmp_path):
    target = RESULTS / "images/seed0.npz"
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", tmp_path, target]
    done = subprocess.run([*map(str, command), "--configfile", str(TINY)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / target).is_file()
    assert re.search(r"^Provided resources: gpu=\D*1\b", done.stderr, re.MULTILINE)


def test_lint_is_clean():
    done = subprocess.run([sys.executable, "-m", "snakemake", "--lint"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_the_catalogue_s_snakefile_plans_the_same(tmp_path):
    plans = [
        snakemake(tmp_path, "-n", "--quiet", "rules", snakefile=ROOT / name)[1] for name in ("Snakefile", "workflow/Snakefile")
    ]
    counts = [dict(re.findall(r"^(\w+) +(\d+)$", plan, re.MULTILINE)) for plan in plans]
    assert counts[0].pop("all") == counts[1].pop("everything") == "1"
    assert counts[0] == counts[1]


def test_another_workflow_can_use_this_one_as_a_module(tmp_path):
    (tmp_path / "Snakefile").write_text(
        f"""
module replication:
    snakefile: "{ROOT}/workflow/Snakefile"
    config: config
use rule * from replication as replication_*
rule mine:
    default_target: True
    input: "results/tiny/tables/table4.csv"
"""
    )
    code, text = snakemake(tmp_path, "-n", "--quiet", "rules", snakefile=tmp_path / "Snakefile")
    assert code == 0, text
    assert re.search(r"^replication_tables +1$", text, re.MULTILINE)
    assert re.search(r"^replication_train +16$", text, re.MULTILINE)


def test_every_rule_says_what_it_asks_for():
    """Threads, memory, minutes, a log and a benchmark; `record` reads the benchmarks, `check` and `pages` come after it."""
    text = "".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    rules = [part for part in re.split(r"(?m)^ *rule\b(?=.*:$)", text)[1:] if "script:" in part]
    assert len(rules) >= 25
    for part in rules:
        name = part.split(":")[0].strip() or "figures"
        wanted = {"log:", "threads:", "mem_mb=", "runtime="} | (
            {"benchmark:"} if name not in ("record", "check", "pages") else set()
        )
        assert not [word for word in wanted if word not in part], name
