"""One ResNet-9 for hours: trained epoch by epoch, its state on disk after each, so that a killed run loses one epoch at most."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import digest, digest_arrays, read_npz, write_npz
from rethinking_backdoors.training.deadline import Deadline
from rethinking_backdoors.training.interface import batches
from rethinking_backdoors.training.resnet_step import Recipe, Step
from rethinking_backdoors.training.resnet_training import draw_corners, fit


def train_by_epochs(
    images: np.ndarray,
    labels: np.ndarray,
    recipe: Recipe,
    stream: Callable[[], np.random.Generator],
    path: str | Path,
    *,
    deadline: Deadline | None = None,
    progress: Callable[[int, float], object] = lambda epoch, seconds: None,
) -> tuple[Step, float] | None:
    """Trains one network on all images, or goes on where ``path`` says that it was stopped.

    Args:
        images: (n, H, W, 3) uint8. labels: (n,) int64. stream: makes the model's random stream, the same every time, so
            that it does not matter to the network whether it was stopped.
        path: the .npz file of the state after the last whole epoch; removed by nobody here.
        deadline: no epoch is begun that would not end in time by the seconds that the last one took.
        progress: called after each epoch with its number from 1 on and its seconds.

    Returns:
        The trained network and its seconds of training, those of earlier runs included; None where the time ended first.

    Raises:
        InputError: the file holds the state of another network, recipe or training set.
    """
    deadline, rng = deadline or Deadline(), stream()
    size, shape = min(recipe.batch_size, len(images)), images.shape[1:3]
    step = Step(recipe, images.shape[1:], int(labels.max()) + 1, size, "cpu")
    step.reset(rng)
    orders = batches(np.arange(len(images))[None], [rng], recipe.epochs, size)[:, 0]
    corners = draw_corners(rng, recipe.cutout, (len(orders), size), (shape[0], shape[1]))
    each, x, y = len(orders) // recipe.epochs, torch.from_numpy(images), torch.from_numpy(labels)
    settings = {key: value for key, value in vars(recipe).items() if key not in ("compile", "graph", "models_at_once")}
    known = digest({"recipe": settings, "data": digest_arrays(images, labels), "drawn": digest_arrays(orders[:each].numpy())})
    (done, seconds), took = _restore(step, Path(path), known), 0.0
    for epoch in range(done, recipe.epochs):
        if not deadline.fits(took):
            return None
        since, steps = time.monotonic(), orders[epoch * each : (epoch + 1) * each]
        fit(step, recipe, ((x[order], y[order]) for order in steps), corners, first=epoch * each)
        took = time.monotonic() - since
        seconds += took
        _store(step, Path(path), known, epoch + 1, seconds)
        progress(epoch + 1, took)
    return step, seconds


def _state(step: Step) -> dict[str, torch.Tensor]:
    """Parameters and running statistics by name, and what the momentum has gathered."""
    state: dict[str, Any] = dict(step.network.state_dict())
    return state | {f"velocity{number}": velocity for number, velocity in enumerate(step.velocities)}


def _store(step: Step, path: Path, known: str, epochs: int, seconds: float) -> None:
    arrays = {name: tensor.contiguous().numpy() for name, tensor in _state(step).items()}
    write_npz(path, epochs=np.array(epochs), seconds=np.array(seconds), known=np.array(known), **arrays)


def _restore(step: Step, path: Path, known: str) -> tuple[int, float]:
    """Puts a stored state into the network; how many epochs and seconds it has behind it."""
    if not path.exists():
        return 0, 0.0
    stored = read_npz(path)
    state = _state(step)
    if str(stored.get("known")) != known or set(stored) != {"epochs", "seconds", "known", *state}:
        raise InputError(f"{path} holds the state of another network, recipe or training set: take it away to begin anew.")
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(torch.from_numpy(stored[name]))
    return int(stored["epochs"]), float(stored["seconds"])
