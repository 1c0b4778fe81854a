"""A network that is trained for hours: stopped anywhere, it becomes the same network."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from rethinking_backdoors import kernels
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.training import checkpoints, resnet_training
from rethinking_backdoors.training.deadline import Deadline
from rethinking_backdoors.training.resnet_step import Recipe, Step

SETTINGS = {
    "epochs": 3, "batch_size": 8, "peak_lr": 0.1, "peak_epoch": 1, "momentum": 0.9, "weight_decay": 0.01, "label_smoothing": 0.0,
    "cutout": 3, "precision": "fp32", "compile": False, "models_at_once": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (36, 12, 12, 3), dtype=np.uint8), rng.integers(0, 4, 36)


def stream():
    return np.random.default_rng(5)


def trained(data, path, **given):
    return checkpoints.train_by_epochs(*data, Recipe(**{**SETTINGS, **given.pop("settings", {})}), stream, path, **given)


@pytest.fixture(scope="module")
def logits(data, tmp_path_factory):
    """Of the network that nobody stopped."""
    step, _ = trained(data, tmp_path_factory.mktemp("whole") / "state.npz")
    return step.logits(torch.from_numpy(data[0])).numpy()


def test_it_is_the_network_that_the_trainer_makes(data, logits):
    kind = resnet_training.Trainer(SETTINGS, "cpu")
    images, labels = (torch.from_numpy(array) for array in data)
    models = kind.train(images, labels, np.arange(36)[None], [stream()])
    np.testing.assert_allclose(models.logits(images)[0].numpy(), logits, atol=1e-4)


def test_time_that_ends_after_an_epoch_changes_nothing(data, logits, tmp_path):
    epochs, now = [], [0.0]

    def spent(epoch, seconds):
        epochs.append(epoch)
        now[0] += 100

    path = tmp_path / "state.npz"
    assert trained(data, path, deadline=Deadline(50, clock=lambda: now[0]), progress=spent) is None
    assert epochs == [1]
    step, seconds = trained(data, path, progress=spent)
    assert epochs == [1, 2, 3]
    assert seconds > 0
    np.testing.assert_allclose(step.logits(torch.from_numpy(data[0])).numpy(), logits, atol=1e-5)


def test_a_run_that_is_killed_within_an_epoch_goes_on_at_its_start(data, logits, tmp_path, monkeypatch):
    advance, steps = Step.advance_once, []

    def killed(step):
        if len(steps) == 6:  # two of the four steps of the second epoch
            raise KeyboardInterrupt
        steps.append(1)
        advance(step)

    monkeypatch.setattr(Step, "advance_once", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(data, tmp_path / "state.npz")
    monkeypatch.undo()
    epochs = []
    step, _ = trained(data, tmp_path / "state.npz", progress=lambda epoch, seconds: epochs.append(epoch))
    assert epochs == [2, 3]
    np.testing.assert_allclose(step.logits(torch.from_numpy(data[0])).numpy(), logits, atol=1e-5)


def test_the_state_of_another_network_is_refused(data, tmp_path):
    path = tmp_path / "state.npz"
    trained(data, path)
    for other in ({"settings": {"peak_lr": 0.2}}, {"settings": {"epochs": 4}}):
        with pytest.raises(InputError, match="holds the state of another network, recipe or training set"):
            trained(data, path, **other)
    with pytest.raises(InputError, match="another network"):
        trained((data[0], data[1][::-1].copy()), path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="truncated"):
        trained(data, path)


HALF = """
import sys
import numpy as np, torch
from rethinking_backdoors import kernels
from rethinking_backdoors.training import checkpoints
from rethinking_backdoors.training.resnet_step import Recipe
torch.set_num_threads(1)
if not kernels.bfloat16():
    sys.exit(77)
rng, settings, losses = np.random.default_rng(0), eval(sys.argv[1]), []
stream = lambda: np.random.default_rng(5)
images, labels = rng.integers(0, 256, (36, 12, 12, 3), dtype=np.uint8), rng.integers(0, 4, 36)
for precision in ("fp32", "bf16"):
    recipe = Recipe(**{**settings, "precision": precision, "epochs": 6, "peak_lr": 0.02})
    step, _ = checkpoints.train_by_epochs(images, labels, recipe, stream, f"{sys.argv[2]}/{precision}.npz")
    logits = step.logits(torch.from_numpy(images)).T
    losses.append(float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels))))
print(*losses)
"""


def test_half_precision_trains_as_well(tmp_path):
    # The tests themselves compute as every processor does, which has no bfloat16.
    free = {name: value for name, value in os.environ.items() if name not in kernels.PORTABLE}
    done = subprocess.run(
        [sys.executable, "-c", HALF, repr(SETTINGS), str(tmp_path)], env=free, capture_output=True, text=True, check=False
    )
    if done.returncode == 77:
        pytest.skip("this processor has no units for bfloat16")
    assert done.returncode == 0, done.stderr
    single, half = map(float, done.stdout.split())
    assert half == pytest.approx(single, rel=0.02)
    assert half != single
