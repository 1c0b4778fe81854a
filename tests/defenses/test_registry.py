from dataclasses import replace

import numpy as np
import pytest

from rethinking_backdoors import defenses
from rethinking_backdoors.defenses import registry
from rethinking_backdoors.defenses.interface import Oracle, TrainingSet

ISPL = {
    "bags": 2, "rounds": 4, "share": 0.2, "remaining": 0.04, "expansion": 0.5, "momentum": 0.9,
    "warm_up": 2, "refit": 2, "core": 2, "growths": 5, "growth": 1, "memory": 0.8,
}  # fmt: skip
CLUSTERS = {"method": "activation_clustering", "oracle": [], "reduction": "principal", "dimensions": 10}
LINES = {
    "ac": {**CLUSTERS, "analysis": "relative_size", "threshold": 0.35},
    "ac_independent": {**CLUSTERS, "reduction": "independent", "analysis": "relative_size", "threshold": 0.4},
    "ac_exclusionary": {**CLUSTERS, "analysis": "exclusionary", "threshold": 1.0},
    "ispl": {"method": "inverse_self_paced", "oracle": [], **ISPL},
    "spectre": {"method": "spectre", "oracle": ["target_class", "poisoned"], "dimensions": 100, "alpha": 4.0, "removed": 1.5},
    "ss": {"method": "spectral_signatures", "oracle": ["target_class", "poisoned"], "variant": "paper", "removed": 1.5},
    "ss_released": {"method": "spectral_signatures", "oracle": [], "variant": "released", "removed": 0.15},
}
KNOWN = Oracle(target_class=0, poisoned=12)
SIXTH = '''
"""Removes at random."""
from dataclasses import dataclass
from rethinking_backdoors.defenses.interface import Removal
ORACLE = ("poisoned",)

@dataclass(frozen=True)
class Settings:
    times: float

def defend(examples, settings, oracle, rng):
    assert oracle.target_class is None
    return Removal(rng.choice(len(examples.labels), int(settings.times * oracle.poisoned), replace=False))
'''


def run(line, examples, known=KNOWN):
    return registry.run(line, examples, known, np.random.default_rng(3))


@pytest.mark.parametrize("name", LINES)
def test_results_do_not_depend_on_the_order_of_the_examples(blobs, name):
    # Classes that overlap, so that what is drawn on the way matters.
    noise = 2 * np.random.default_rng(9).standard_normal((180, 12)).astype(np.float32)
    examples = replace(blobs[0], inputs=blobs[0].inputs + noise, representations=blobs[0].representations + noise)
    plain = run(LINES[name], examples)
    assert len(plain.removed)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(examples.labels))
        arrays = {field: getattr(examples, field)[order] for field in ("inputs", "labels", "representations")}
        permuted = run(LINES[name], replace(examples, **arrays))
        assert sorted(order[permuted.removed]) == plain.removed.tolist()
        assert (plain.score is None) == (permuted.score is None)
        if plain.score is not None:
            assert (permuted.score == plain.score[order]).all()


@pytest.mark.parametrize("name", ["ac", "ac_exclusionary", "ispl", "spectre", "ss"])
def test_plainly_separate_poison_is_removed(blobs, name):
    examples, poison = blobs
    found = run(LINES[name], examples)
    assert np.isin(poison, found.removed).mean() > 0.9
    assert (np.diff(found.removed) > 0).all()


@pytest.mark.parametrize("name", LINES)
def test_runs_on_a_set_without_poison_and_told_so(blobs, name):
    examples, poison = blobs
    clean = np.setdiff1d(np.arange(len(examples.labels)), poison)
    arrays = {field: getattr(examples, field)[clean] for field in ("inputs", "labels", "representations")}
    found = run(LINES[name], replace(examples, **arrays), Oracle(target_class=0, poisoned=0))
    assert len(found.removed) == 0 if name in ("ss", "spectre") else len(found.removed) < len(clean) / 2


def test_a_sixth_defense_is_one_file_and_one_line(blobs, tmp_path, monkeypatch):
    (tmp_path / "at_random.py").write_text(SIXTH)
    monkeypatch.setattr(defenses, "__path__", [*defenses.__path__, str(tmp_path)])
    line = {"method": "at_random", "oracle": ["poisoned"], "times": 2.0}
    found = run(line, blobs[0])
    assert len(found.removed) == 24
    order = np.random.default_rng(0).permutation(180)
    arrays = {field: getattr(blobs[0], field)[order] for field in ("inputs", "labels", "representations")}
    assert sorted(order[run(line, replace(blobs[0], **arrays)).removed]) == found.removed.tolist()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({**LINES["ss"], "method": "signatures"}, "There is no defense 'signatures'"),
        ({**LINES["ss"], "method": "interface"}, "There is no defense 'interface'"),
        ({**LINES["ss"], "share": 0.1}, "settings of the defense spectral_signatures.*share"),
        ({"method": "spectral_signatures", "oracle": [], "variant": "paper"}, "settings of the defense.*removed"),
        ({**LINES["ac"], "oracle": ["poisoned"]}, "activation_clustering can be told nothing"),
        ({**LINES["ss"], "oracle": ["trigger"]}, "can be told target_class, poisoned"),
    ],
)
def test_wrong_lines_are_refused_in_a_sentence(line, message):
    with pytest.raises(ValueError, match=message):
        registry.check(line)


def test_only_what_the_line_names_is_told(blobs):
    line = {**LINES["ss"], "oracle": ["poisoned"]}
    assert np.bincount(blobs[0].labels[run(line, blobs[0]).removed]).tolist() == [18, 18, 18]
    with pytest.raises(ValueError, match="poisoned"):
        run({**LINES["ss"], "oracle": ["target_class"]}, blobs[0])


def test_the_order_follows_from_input_and_label():
    inputs = np.arange(40, dtype=np.uint8).reshape(20, 2, 1, 1)
    labels = np.arange(20) % 3
    order, shuffled = registry.content_order(inputs, labels), np.random.default_rng(0).permutation(20)
    assert (shuffled[registry.content_order(inputs[shuffled], labels[shuffled])] == order).all()
    assert sorted(order) == list(range(20))
    same = np.zeros((20, 2, 1, 1), dtype=np.uint8)
    assert len(set(labels[registry.content_order(same, labels)][:7])) == 1


def test_images_may_come_without_features():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 3, 3, 1), dtype=np.uint8)
    examples = TrainingSet(images, np.arange(40) % 2, rng.standard_normal((40, 5)).astype(np.float32), None)
    assert len(run(LINES["ss_released"], examples).removed) == 6
