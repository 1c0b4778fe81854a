import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rethinking_backdoors import kernels

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
needs_avx2 = pytest.mark.skipif(not kernels.available(), reason="this processor lacks AVX2, so kernels cannot be chosen here")
# What an older processor would choose, exported by somebody.
OLDEST = {"ATEN_CPU_CAPABILITY": "default", "OPENBLAS_CORETYPE": "Nehalem", "MKL_CBWR": "COMPATIBLE", "NUMBA_CPU_NAME": "nehalem"}
OLDEST |= {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR", "NUMBA_CPU_FEATURES": ""}


def python(code, *arguments, **variables):
    """What a new Python prints, as lines; only the given variables of the kernels are set."""
    kept = {name: value for name, value in os.environ.items() if name not in kernels.PORTABLE}
    environment = kept | variables | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_only_portable_kernels_set_anything_and_only_where_they_run(monkeypatch):
    assert kernels.environment("fastest") == {}
    monkeypatch.setattr(kernels, "available", lambda: True)
    assert kernels.environment("portable") == kernels.PORTABLE
    monkeypatch.setattr(kernels, "available", lambda: False)
    assert kernels.environment("portable") == {}


def test_a_processor_of_another_kind_has_none(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert not kernels.available()


@needs_avx2
def test_the_libraries_obey_whatever_was_exported():
    code = """
import json, os
from rethinking_backdoors import kernels
os.environ.update(kernels.environment("portable"))
print(json.dumps(kernels.describe()))
"""
    for exported in ({}, OLDEST):
        (line,) = python(code, **exported)
        found = json.loads(line)
        assert (found["torch"], found["openblas"], found["numba"]) == ("AVX2", "Haswell", "x86-64-v3")
        assert found["numpy"] == "X86_V3"


@needs_avx2
def test_a_restart_keeps_the_arguments_and_happens_once():
    code = """
import os, sys
print("started")
from rethinking_backdoors import kernels
kernels.restart("portable")
print(sys.argv[1:], os.environ["OPENBLAS_CORETYPE"])
"""
    assert python(code, "--out", "a b", **OLDEST) == ["started", "started", "['--out', 'a b'] Haswell"]
    assert python(code, "--out", "a b", **kernels.PORTABLE) == ["started", "['--out', 'a b'] Haswell"]


@needs_avx2
def test_what_defenses_remove_and_the_adversary_draws_is_the_same_for_an_older_processor(tmp_path):
    """The cheap case of `make test-machines`."""
    code = """
import sys
from functools import partial
import numpy as np
from rethinking_backdoors.attacks.adversarial import perturb, train_robust
from rethinking_backdoors.data import digits
from rethinking_backdoors.defenses import activation_clustering, inverse_self_paced
from rethinking_backdoors.defenses.interface import Oracle, TrainingSet
from rethinking_backdoors.training.learner import Learner, representations
from rethinking_backdoors.training.networks import build

made = digits(1500, np.random.default_rng(0))
images, labels = made["train_image"], made["train_label"]
network = build({"hidden": 32, "precision": "float64"}, (8, 8, 1), 10, np.random.default_rng(0))
settings = {"radius": 0.5, "steps": 5, "epochs": 40, "batch_size": 50, "learning_rate": 0.2}
robust = train_robust(network, images, labels, **settings, rng=np.random.default_rng(1))
hard = perturb(images[:60], labels[:60], robust, radius=2.0, steps=50, step_size=0.2)
training = {"network": "mlp", "hidden": 32, "epochs": 10, "batch_size": 50, "peak_lr": 0.2, "peak_epoch": 2}
training |= {"momentum": 0.9, "weight_decay": 5e-4, "models_at_once": 1}
learned = representations(images, labels, root=1, training=training)
examples = TrainingSet(images, labels, learned, partial(Learner, training=training))
clustering = activation_clustering.Settings("principal", 10, "relative_size", 0.35)
paced = inverse_self_paced.Settings(bags=1, rounds=4, share=0.12, remaining=0.04, expansion=0.25, momentum=0.9,
                                    warm_up=4, refit=4, core=10, growths=5, growth=2, memory=0.8)
removed = activation_clustering.defend(examples, clustering, Oracle(), np.random.default_rng(2)).removed
found = inverse_self_paced.defend(examples, paced, Oracle(), np.random.default_rng(3)).removed
np.savez(sys.argv[1], hard=hard, removed=removed, found=found)
"""
    made = []
    for name, variables in (("portable", kernels.PORTABLE), ("oldest", OLDEST)):
        python(code, str(tmp_path / f"{name}.npz"), **variables)
        with np.load(tmp_path / f"{name}.npz") as arrays:
            made.append({part: arrays[part].tolist() for part in ("hard", "removed", "found")})
    assert made[0] == made[1]
    assert all(made[0].values())


def test_compiled_functions_have_a_place_where_nothing_may_be_written(monkeypatch):
    import rethinking_backdoors

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    rethinking_backdoors._place_for_compiled_functions()
    assert "NUMBA_CACHE_DIR" not in os.environ
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    rethinking_backdoors._place_for_compiled_functions()
    assert os.stat(os.environ["NUMBA_CACHE_DIR"]).st_mode & 0o777 == 0o700
    monkeypatch.delenv("NUMBA_CACHE_DIR")
