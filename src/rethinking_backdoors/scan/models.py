"""The scan's models: margins of every example in networks trained on random subsets, in several processes, resumable."""

import contextlib
import importlib
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import digest, read_json, write_array
from rethinking_backdoors.margins.arrays import PackedMasks
from rethinking_backdoors.margins.shards import missing, open_with_masks
from rethinking_backdoors.margins.store import ShardWriter, shard_name
from rethinking_backdoors.margins.subsets import percent, subset
from rethinking_backdoors.seeds import generator

# A user's function: maps indices (s,) int64 and a seed to the margins (n,) of all examples.
UserTrainer = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class Work:
    """What the models are trained on and how; travels to the worker processes.

    Attributes:
        folder: where margins and inputs lie. n: number of examples. root: seed of every subset and network.
        training: settings of ``training.mlp``; or trainer: "module:function" of the user's own.
        data: fingerprint of inputs and labels.
    """

    folder: Path
    n: int
    root: int
    data: str
    training: dict[str, Any] | None = None
    trainer: str | None = None

    def shards(self, alpha: float) -> Path:
        """The folder of the margins at one subset fraction."""
        return self.folder / f"fraction{percent(alpha)}"

    def store(self, inputs: np.ndarray, labels: np.ndarray) -> None:
        """Writes what worker processes read."""
        write_array(self.folder / "inputs.npy", inputs, {})
        write_array(self.folder / "labels.npy", labels, {})


def train(
    work: Work, wanted: Sequence[tuple[float, int]], threads: int, shard: Callable[[float], int]
) -> Iterator[tuple[float, int]]:
    """Trains what is missing of the first so many models; yields fraction and number of models as shards are done.

    Args:
        wanted: subset fractions and how many models. threads: worker processes. shard: how many models a shard has, by fraction.

    Raises:
        InputError: a worker ran out of memory, or the user's function failed.
    """
    tasks = []
    for alpha, count in wanted:
        tasks += [(alpha, models) for models in missing(work.shards(alpha), (0, count), shard(alpha))]
    # Fractions in turn, so that all of them are as far.
    tasks.sort(key=lambda task: task[1][0] / dict(wanted)[task[0]])
    if not tasks:
        return
    jobs = (delayed(_train)(work, *task) for task in tasks)
    try:
        yield from Parallel(threads, backend="loky", return_as="generator_unordered", pre_dispatch=threads)(jobs)
    except TerminatedWorkerError:
        raise InputError("A worker process was killed, probably because memory ran out: give fewer --threads.") from None


def read(work: Work, alpha: float, count: int) -> tuple[PackedMasks, list[np.ndarray]]:
    """Masks (m, n) and margins, shards of (m, n), of the first ``count`` models at one fraction."""
    masks, shards, _ = open_with_masks(_paths(work, alpha, count))
    return masks, shards


def there(work: Work, alpha: float, count: int) -> int:
    """How many of the first ``count`` models at one fraction are stored."""
    return sum(
        end - first for first, end in (read_json(path.with_suffix(".json"))["models"] for path in _paths(work, alpha, count))
    )


def _paths(work: Work, alpha: float, count: int) -> list[Path]:
    """Shards by their manifests, which come last: a file without one is what a kill left behind, and is made again."""
    manifests = sorted(work.shards(alpha).glob("[0-9]*[0-9].json"))
    return [path.with_suffix(".npy") for path in manifests if int(path.stem.split("-")[0]) < count]


def _train(work: Work, alpha: float, models: tuple[int, int]) -> tuple[float, int]:
    """In a worker: one shard; its fraction and number of models."""
    path = work.shards(alpha) / f"{shard_name(models)}.npy"
    with contextlib.redirect_stdout(io.StringIO()):
        if work.trainer:
            _by_user(work, alpha, models, path)
            return alpha, models[1] - models[0]
        import torch

        from rethinking_backdoors.training.engine import train_shard

        torch.set_num_threads(1)
        inputs, labels = np.load(work.folder / "inputs.npy"), np.load(work.folder / "labels.npy")
        assert work.training is not None
        train_shard(inputs, labels, path, root=work.root, alpha=alpha, models=models, training=training_at(work, alpha))
    return alpha, models[1] - models[0]


def training_at(work: Work, alpha: float) -> dict[str, Any]:
    """The training section at one fraction: batches of equal size share out a subset, so that none is left over."""
    assert work.training is not None
    size = max(1, int(alpha * work.n))
    number = max(1, round(size / work.training["batch_size"]))
    return {**work.training, "batch_size": size // number}


def load_trainer(name: str) -> UserTrainer:
    """The function that ``module:function`` names; modules are looked for in the current folder too.

    Raises:
        InputError: there is none.
    """
    module, _, function = name.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"--trainer {name}: give module:function ({error}).") from None
    if not callable(found):
        raise InputError(f"--trainer {name}: it is no function.")
    return cast(UserTrainer, found)


def margins_by(trainer: UserTrainer, name: str, work: Work, alpha: float, index: int) -> np.ndarray:
    """What the user's function returns for one model, checked; (n,) float.

    Raises:
        InputError: it raises an error, or returns something else.
    """
    seed = int(generator(work.root, "trainer", percent(alpha), index).integers(2**31))
    try:
        values = np.asarray(trainer(subset(work.root, alpha, index, work.n), seed))
    except Exception as error:
        raise InputError(f"--trainer {name} failed: {type(error).__name__}: {error}.") from error
    if values.shape != (work.n,) or values.dtype.kind != "f":
        raise InputError(
            f"--trainer {name} returned {values.dtype} {values.shape}: the margins of all {work.n} examples are needed."
        )
    return values


def _by_user(work: Work, alpha: float, models: tuple[int, int], path: Path) -> None:
    assert work.trainer is not None
    trainer, settings = load_trainer(work.trainer), {"root": str(work.root), "alpha": alpha, "trainer": work.trainer}
    shared = {"alpha": alpha, "root": str(work.root), "settings": digest(settings), "data": work.data}
    settings |= {"models": list(models), "data": work.data}
    with contextlib.closing(ShardWriter(path, models[1] - models[0], work.n, settings)) as writer:
        for row in range(writer.done, writer.models):
            writer.append(row, margins_by(trainer, work.trainer, work, alpha, models[0] + row)[None])
        writer.finish(models[0], {**shared, "seconds": round(writer.seconds, 2)})
