"""What the commands share: how they end, where they compute, and how they read a weight matrix."""

import contextlib
import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import typer

from rethinking_backdoors.cli.arrays import is_torch, load_array, load_masks, load_torch
from rethinking_backdoors.errors import InputError, refusal
from rethinking_backdoors.io import read_array, read_json, require_device
from rethinking_backdoors.margins.arrays import Masks, PackedMasks
from rethinking_backdoors.margins.shards import open_with_masks

TRAIN_ROWS = "rows are training examples"


class Orientation(StrEnum):
    """What the rows of a matrix are: ``W[i, j]`` with training example i and target j has train-rows."""

    train_rows = "train-rows"
    train_columns = "train-columns"


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """What a user caused ends in one sentence on standard error and exit code 2."""
    try:
        yield
    except InputError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    except Exception as error:
        if not (sentence := refusal(error)):
            raise
        print(sentence, file=sys.stderr)
        raise typer.Exit(2) from None


def use_device(device: str, threads: int) -> str:
    """Sets the number of threads of everything that computes; refuses a device that is not there."""
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise InputError(f"The device {device} is not known: cpu or cuda.")
    require_device(device)
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(threads)
    return device


def checked(settings: dict[str, Any]) -> dict[str, Any]:
    """A configuration without faults, as ``config.check`` returns it, whose attacks and triggers fit its images."""
    from rethinking_backdoors.attacks import registry, triggers
    from rethinking_backdoors.config import check
    from rethinking_backdoors.data import image_shape

    try:
        settings = check(settings)
        registry.check(settings)
        triggers.check(settings["triggers"], image_shape(settings["images"]))
        return settings
    except KeyError as error:
        raise InputError(f"The configuration lacks {error.args[0]}.") from None


def read_weights(path: Path, orientation: Orientation | None) -> np.ndarray:
    """A weight matrix with training examples in its rows, (n, n); memory-mapped where it is a .npy file.

    Orientation comes from the manifest beside a .npy file, from the form of the public datamodels code's dictionary, or from the
    user; two of them that disagree are refused, and so is none.
    """
    known = None
    if is_torch(path):  # no manifest belongs to such a file
        weights, known = _from_torch(path)
    elif path.with_suffix(".json").exists() and "orientation" in (manifest := read_json(path.with_suffix(".json"))):
        weights, known = read_array(path)[0], _stated(path, manifest)
    else:
        weights = load_array(path)
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise InputError(f"{path} holds an array of shape {weights.shape}: the weight matrix must be square.")
    if weights.dtype not in (np.float16, np.float32, np.float64):
        raise InputError(f"{path} holds {weights.dtype}: weights must be float16, float32 or float64.")
    if known and orientation and known != orientation:
        raise InputError(f"{path} says that it is {known}, so --orientation {orientation} is wrong: leave it out.")
    chosen = known or orientation
    if chosen is None:
        raise InputError(
            f"{path} does not say whether its rows are training examples or targets: give --orientation train-rows "
            "if W[i, j] is the effect of training example i on target j, otherwise train-columns."
        )
    return weights if chosen == Orientation.train_rows else weights.T


def read_models(margins: Path, masks: Path | None) -> tuple[Masks, np.ndarray | list[np.ndarray]]:
    """Masks and margins: of a folder of shards that ``train`` made, or of files of somebody's own models."""
    return _from_folder(margins, masks) if margins.is_dir() else _from_files(margins, masks)


def _from_files(margins: Path, masks: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Masks and margins of somebody's own models."""
    if masks is None:
        raise InputError(
            "--masks is needed with a file of margins: (models, examples) bool, True where an example is trained on."
        )
    values = load_array(margins)
    chosen = load_masks(masks, values.shape[-1] if values.ndim else 0)
    if (empty := np.flatnonzero(~chosen.any(1))).size:
        some = f"{len(empty)} of {len(chosen)} models (first {empty[0]})"
        raise InputError(f"{masks}: {some} were trained on no example: leave them out of masks and margins.")
    return chosen, values


def _from_folder(folder: Path, masks: Path | None) -> tuple[PackedMasks, list[np.ndarray]]:
    """The margins of a folder of shards, memory-mapped, and the masks that their seeds tell."""
    if masks is not None:
        raise InputError(f"--masks is not for {folder}: the seeds of its shards tell the masks.")
    # Shards are named by numbers; what else lies there is a datamodel, or the temporary file of a job that was killed.
    paths = sorted(folder.glob("[0-9]*.npy"))
    if not paths:
        raise InputError(f"{folder} holds no shards of margins (files such as 00000.npy).")
    chosen, shards, _ = open_with_masks(paths)
    return chosen, shards


def _stated(path: Path, manifest: dict[str, Any]) -> Orientation:
    if manifest["orientation"] != TRAIN_ROWS:
        raise InputError(f"{path.with_suffix('.json')} states an orientation that is not known here: {manifest['orientation']}.")
    return Orientation.train_rows


def _from_torch(path: Path) -> tuple[np.ndarray, Orientation | None]:
    """A tensor, or the dictionary ``weight``, ``bias``, ``lam`` of the public datamodels code (train x target)."""
    content = load_torch(path)
    if isinstance(content, np.ndarray):
        return content, None
    if not isinstance(content.get("weight"), np.ndarray):
        raise InputError(f"{path} holds neither a tensor nor a dictionary with the tensor 'weight'.")
    return content["weight"], Orientation.train_rows if {"bias", "lam"} <= set(content) else None
