"""A defense, an attack and a figure are each one file and one line: added to a copy of the workflow, and made."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from running import RESULTS, ROOT, snakemake, variant

pytestmark = pytest.mark.slow


SIXTH = """
from dataclasses import dataclass
from rethinking_backdoors.defenses.interface import Removal
ORACLE = ("poisoned",)

@dataclass(frozen=True)
class Settings:
    times: float

def defend(examples, settings, oracle, rng):
    return Removal(rng.choice(len(examples.labels), int(settings.times * oracle.poisoned), replace=False))
"""


@pytest.fixture
def copies(folder, tmp_path):
    """A copy of the workflow, and one of the run."""
    copy, run = tmp_path / "copy", tmp_path / "run"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("rules", "scripts", "src", "workflow", "profiles"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored, symlinks=True)
    for name in ("Snakefile", "environment.yml", "config/published.yaml"):
        (copy / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    shutil.copytree(folder, run)
    return copy, run


def test_a_sixth_defense_is_one_file_and_one_line(copies, tmp_path):
    """As the README says."""
    copy, run = copies
    (copy / "src/rethinking_backdoors/defenses/at_random.py").write_text(SIXTH)

    def one_line(config):
        config["defenses"]["drawn"] = {"method": "at_random", "oracle": ["poisoned"], "times": 2.0}

    target = RESULTS / "tables/defenses.csv"
    code, text = snakemake(run, target, config=variant(tmp_path, one_line), snakefile=copy / "Snakefile")
    assert code == 0, text[-3000:]
    table = pd.read_csv(run / target).set_index(["experiment", "row", "column"])["value"].sort_index()
    assert [table[e, "drawn", "removed"] for e in (0, 2, 5)] == [20, 40, 20]
    assert {name: text.count(f"rule {name}:") for name in ("baseline", "retrain", "representations", "train")} == {
        "baseline": 2,
        "retrain": 6,
        "representations": 0,
        "train": 0,
    }


FAINT = '''"""The trigger shines through (Chen et al. 2017)."""
from dataclasses import dataclass
import numpy as np
from rethinking_backdoors.attacks.triggers import stamp_drawn, stamp_test


@dataclass(frozen=True)
class Settings:
    opacity: float

def eligible(labels, target_class, settings):
    return labels != target_class

def mixed(images, stamped, settings):
    return np.round(images + settings.opacity * (stamped.astype(float) - images)).astype(np.uint8)

def make(images, labels, trigger, settings, rng, perturb):
    stamped, variant = stamp_drawn(images, trigger, rng)
    return mixed(images, stamped, settings), variant

def triggered(images, trigger, settings):
    return mixed(images, stamp_test(images, trigger), settings)
'''


def test_an_attack_is_one_file_and_one_line(copies, tmp_path):
    copy, run = copies
    (copy / "src/rethinking_backdoors/attacks/faint.py").write_text(FAINT)

    def one_line(config):
        line = {"experiment": 9, "attack": "faint", "settings": {"opacity": 0.9}, "trigger": "one_pixel", "poisoned": 20}
        config["experiments"].append({**line, "alphas": [0.5], "removed": 0.1})
        config["only"] = [9]

    target = RESULTS / "exp9/seed0/retrain/refined.json"
    code, text = snakemake(run, target, config=variant(tmp_path, one_line), snakefile=copy / "Snakefile")
    assert code == 0, text[-3000:]
    made, clean = np.load(run / RESULTS / "exp9/seed0/poison.npz"), np.load(run / RESULTS / "images/seed0.npz")
    before = clean["train_image"][made["index"]]
    assert (made["image"][:, 0, 0] == np.round(before[:, 0, 0] + 0.9 * (255.0 - before[:, 0, 0]))).all()
    assert (made["label"] == 8).all()
    assert json.loads((run / RESULTS / "exp9/seed0/retrain/none.json").read_text())["asr"] > 30


ANOTHER = '''"""Figure 13: how many examples are poisoned

**What to look at.** The bars.
"""
from rethinking_backdoors.reporting.figures import style
from rethinking_backdoors.io import read_npz

def load(files, settings):
    poisons = zip(settings.experiments, files.poison, strict=True)
    return {"counts": {number: len(read_npz(path, "index")["index"]) for number, path in poisons}}

@style.theme()
def draw(counts):
    figure = style.canvas(3, 2)
    figure.subplots().bar([str(number) for number in counts], counts.values())
    return figure

def say(counts):
    return f"{sum(counts.values())} in all."
'''


def test_a_figure_is_one_file_and_one_line(copies):
    copy, run = copies
    (copy / "src/rethinking_backdoors/reporting/figures/figure13.py").write_text(ANOTHER)
    rules, line = copy / "rules/report.smk", '    "figure13": ({"poison": first(rules.poison.output.poison)}, {}),\n'
    rules.write_text(rules.read_text().replace('    "figure11": (\n', line + '    "figure11": (\n'))
    code, text = snakemake(run, "figures/tiny/figure13.png", RESULTS / "report/figure13.html", snakefile=copy / "Snakefile")
    assert code == 0, text[-3000:]
    assert text.count("rule figure13:") == 1
    assert "rule poison:" not in text
    assert (run / "figures/tiny/figure13.pdf").is_file()
    page = (run / RESULTS / "report/figure13.html").read_text()
    assert "<h1>Figure 13: how many examples are poisoned</h1>" in page
    assert "<p><b>Here.</b> 30 in all.</p>" in page


def test_matrices_in_float16_and_tables_on_request(tmp_path):
    """From nothing: what reads a datamodel reads float16 too, and finds nearly what it finds in float32."""

    def one(config):
        config |= {"only": [2], "seeds": [0]}

    def half(config):
        one(config)
        config["storage"] = "float16"

    place, found = RESULTS / "exp2/seed0/alpha30", []
    targets = [place / "evidence.csv", place / "detection_refined.npz", place / "strength.npz"]
    for name, change in (("whole", one), ("half", half)):
        more = [RESULTS / "tables/attacks.csv", RESULTS / "tables/certificates.csv"] if name == "half" else []
        code, text = snakemake(tmp_path / name, *targets, *more, config=variant(tmp_path, change))
        assert code == 0, text[-3000:]
        found.append(np.load(tmp_path / name / place / "detection_refined.npz")["score"])
    weights = np.load(tmp_path / "half" / place / "datamodel_difference.npy")
    assert weights.dtype == np.float16
    whole = np.load(tmp_path / "whole" / place / "datamodel_difference.npy")
    assert np.abs(weights - whole).max() < 2e-3 * np.abs(whole).max()
    assert np.corrcoef(*found)[0, 1] > 0.8
    values = [pd.read_csv(tmp_path / name / place / "evidence.csv")["value"] for name in ("whole", "half")]
    assert np.corrcoef(*values)[0, 1] > 0.99
    attacks = pd.read_csv(tmp_path / "half" / RESULTS / "tables/attacks.csv").set_index(["row", "column"])["value"]
    assert attacks["none", "asr"] > attacks["unpoisoned", "asr"]
    assert 0 < attacks["none", "changed"] < 100 / 64 * 1.01  # one pixel of 64, unless it was white before
    certified = pd.read_csv(tmp_path / "half" / RESULTS / "tables/certificates.csv")
    assert set(certified["column"]) == {"clean_accuracy", "asr", "certified_accuracy"}


def test_what_an_attack_learnt_goes_with_its_poison_and_a_defense_may_be_told_clean_images(tmp_path):
    """From nothing to what removal costs; ``share: removed`` is the experiment's own share."""

    def learnt(config):
        (line,) = [line for line in config["experiments"] if line["experiment"] == 5]
        line |= {"attack": "narcissus", "settings": {"radius": 40.0, "steps": 10}, "removed": 0.15}
        config |= {"only": [5], "seeds": [0]}
        search = {"sizes": [10], "restarts": 3}
        config["defenses"] = {
            "agpd": {"method": "agpd", "oracle": ["clean"], "tau": 0.3},
            "trak": {"method": "trak", "oracle": [], "share": "removed", "networks": 1, "dimensions": 32, **search},
        }

    targets = [RESULTS / f"tables/{name}.csv" for name in ("removal", "attacks", "defenses")]
    code, text = snakemake(tmp_path, *targets, config=variant(tmp_path, learnt))
    assert code == 0, text[-3000:]
    removal, attacks, defenses = (pd.read_csv(tmp_path / path).set_index(["row", "column"])["value"] for path in targets)
    made = np.load(tmp_path / RESULTS / "exp5/seed0/poison.npz")
    assert np.abs(made["pattern"]).max() == pytest.approx(40)
    before = np.load(tmp_path / RESULTS / "images/seed0.npz")["train_image"][made["index"]]
    assert (made["image"] == np.rint(np.clip(before + made["pattern"], 0, 255))).all()
    # The pattern is three times as loud at test, which networks that nobody poisoned notice.
    assert attacks["unpoisoned", "poisoned_accuracy"] < attacks["unpoisoned", "clean_accuracy"]
    assert 0 < attacks["none", "similarity"] < 100
    assert defenses["trak", "removed"] == defenses["refined", "removed"] == 30
    assert defenses["agpd", "told_clean"] == 100
    assert {"none", "true", "agpd", "trak", "paper"} <= set(removal.index.get_level_values("row"))
    assert removal["none", "worst_class_accuracy"] <= removal["none", "clean_accuracy"]
    assert removal["trak", "clean_removed"] == defenses["trak", "clean_removed"]
