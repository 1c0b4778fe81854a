"""rethinking-backdoors train: poisoned sets and margins of an experiment, without Snakemake."""

import math
import re
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from rethinking_backdoors import kernels
from rethinking_backdoors.cli.common import TRAIN_ROWS, checked, one_sentence, use_device
from rethinking_backdoors.config import count_of, experiments, load
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import digest, read_json, read_npz, write_array, write_json
from rethinking_backdoors.training.deadline import Deadline

# How many models TRAK takes if not told otherwise.
TRAK_MODELS = 5
# Images, labels and, if the networks take features, what makes them.
Data = tuple[np.ndarray, np.ndarray, Any]


def train(
    config: Annotated[Path, typer.Option(help="a configuration file, or digits, cifar10_mini, cifar10")],
    experiment: Annotated[int, typer.Option(help="the number of one of its experiments")],
    out: Annotated[Path, typer.Option(help="the folder for poison.npz, attack.json and alpha*/margins/")],
    models: Annotated[str | None, typer.Option(help="FIRST:END, END not included; all if not given")] = None,
    seed: Annotated[int | None, typer.Option(help="the first of the configuration if not given")] = None,
    alpha: Annotated[int | None, typer.Option(help="subset fraction in percent; all of the experiment if not given")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; the configuration's if not given")] = None,
    threads: Annotated[int, typer.Option(min=1, help="on a CPU; other numbers than the workflow's 1 may change last bits")] = 1,
    until: Annotated[
        float, typer.Option(min=0, help="seconds, after which no model is begun; without end if not given")
    ] = math.inf,
    trak: Annotated[bool, typer.Option("--trak", help="no margins: a weight matrix from the gradients of a few models")] = False,
) -> None:
    """Makes an experiment's poisoned set and trains models on random subsets of it.

    Margins are stored shard by shard, with the workflow's seeds and file formats. Run the same command again and it goes on where
    it stopped. With --trak it stores the weight matrix that TRAK (Park et al. 2023) makes of the models' gradients, five if not
    told otherwise: alpha*/datamodel_trak.npy, for detect.

    Example: rethinking-backdoors train --config digits --experiment 1 --models 0:4000 --out exp1
    """
    with one_sentence():
        deadline, settings = Deadline(until), checked(load(config))
        kernels.restart(settings["kernels"])  # before anything is computed: the files are to be the workflow's
        chosen = experiments(settings).get(experiment)
        if chosen is None:
            raise InputError(f"--experiment {experiment}: {config} has {', '.join(map(str, experiments(settings)))}.")
        percents = [round(100 * share) for share in chosen["alphas"]]
        if alpha is not None and alpha not in percents:
            raise InputError(f"--alpha {alpha}: experiment {experiment} has {', '.join(map(str, percents))}.")
        span = _span(models, count_of(settings, experiment))
        if trak and span[0]:
            raise InputError(f"--models {models}: TRAK takes the first models, 0:END.")
        device = use_device(device or settings["device"], threads)
        made = Experiment.of(settings, experiment, settings["seeds"][0] if seed is None else seed, device)
        data = _poisoned(made, out)
        for a in percents if alpha is None else [alpha]:
            if trak:
                _attribute(made, a, span[1] if models else TRAK_MODELS, data, out)
                continue
            _models(made, a, parts=(span, settings["models"]["shard"]), data=data, out=out, deadline=deadline)


def _span(models: str | None, count: int) -> tuple[int, int]:
    """FIRST:END as two numbers."""
    if models is None:
        return 0, count
    found = re.fullmatch(r"(\d+):(\d+)", models)
    if not found or not int(found[1]) < int(found[2]) <= count:
        raise InputError(f"--models {models}: give FIRST:END with FIRST below END and END at most models.count, {count}.")
    return int(found[1]), int(found[2])


def _poisoned(experiment: Experiment, out: Path) -> Data:
    """The poisoned training set; ``out`` gets poison.npz and attack.json if it lacks them."""
    from rethinking_backdoors.attacks.poisoning import poisoned_set, write_poison

    record = out / "command.json"
    made_from: dict[str, Any] = {"experiment": experiment.number, "seed": experiment.seed}
    parts = ("dataset", "images", "features", "training", "attack", "network", "robust", "ascent")
    made_from["settings"] = digest({part: getattr(experiment, part) for part in parts})
    if record.exists() and read_json(record) != made_from:
        raise InputError(f"{out} holds files of another experiment, seed or configuration: choose another --out.")
    images, labels, extractor = experiment.clean_set()
    if not record.exists():
        print(f"experiment {experiment.number}, seed {experiment.seed}: making the poisoned set", flush=True)
        made = experiment.poison(images, labels, partial(experiment.train_adversary, images, labels, extractor))
        write_poison(out, made, experiment.attack, experiment.seed)
        write_json(record, made_from)
    images, labels = poisoned_set(images, labels, read_npz(out / "poison.npz"))
    return images, labels, extractor


def _attribute(experiment: Experiment, alpha: int, models: int, data: Data, out: Path) -> None:
    """TRAK's weight matrix from the first models at one subset fraction (percent)."""
    import torch

    from rethinking_backdoors.datamodels.attribution import trak
    from rethinking_backdoors.training.engine import train_modules

    images, labels, extractor = data
    chosen = {"root": experiment.root, "alpha": alpha / 100, "models": models, "training": experiment.training}
    networks, inputs = train_modules(images, labels, **chosen, extractor=extractor)
    path = out / f"alpha{alpha}" / "datamodel_trak.npy"
    print(f"{path}: the gradients of {models} models", flush=True)
    weights = trak(networks, inputs, torch.from_numpy(labels), dimensions=min(512, len(labels) - 1))
    write_array(path, weights, {"estimator": "trak", "m": models, "root": str(experiment.root), "orientation": TRAIN_ROWS})


def _models(
    experiment: Experiment, alpha: int, parts: tuple[tuple[int, int], int], data: Data, out: Path, deadline: Deadline
) -> None:
    """Trains the models that ``out`` lacks at one subset fraction (percent), while there is time.

    Args:
        parts: the first and the end of the models, and how many a shard holds.
    """
    from rethinking_backdoors.margins.shards import missing
    from rethinking_backdoors.margins.store import shard_name
    from rethinking_backdoors.training.engine import train_shard

    (images, labels, extractor), (span, size) = data, parts
    folder = out / f"alpha{alpha}" / "margins"
    lacking = missing(folder, span, size)
    if not lacking:
        print(f"{folder}: every model is there already", flush=True)
    for models in lacking:
        path = folder / f"{shard_name(models, size)}.npy"
        print(f"{path}: models {models[0]} to {models[1] - 1} on {experiment.device}", flush=True)
        end = train_shard(
            images,
            labels,
            path,
            root=experiment.root,
            alpha=alpha / 100,
            models=models,
            training=experiment.training,
            extractor=extractor,
            device=experiment.device,
            deadline=deadline,
        )
        if end < models[1] or not deadline.fits(0):
            print(f"the time is over after model {end - 1}: run the same command again to go on", flush=True)
            return
