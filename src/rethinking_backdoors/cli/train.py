"""rethinking-backdoors train: poisoned sets and margins of an experiment, without Snakemake."""

import math
import re
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from rethinking_backdoors import kernels
from rethinking_backdoors.cli.common import one_sentence, use_device
from rethinking_backdoors.config import attack_of, check, experiments, load, training_of
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import digest, read_json, read_npz, write_json
from rethinking_backdoors.training.deadline import Deadline

# Images, labels and, if the networks take features, what makes them.
Data = tuple[np.ndarray, np.ndarray, Any]


def train(
    config: Annotated[Path, typer.Option(help="the configuration, such as config/cifar10.yaml")],
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
) -> None:
    """Makes an experiment's poisoned set and trains models on random subsets of it.

    Margins are stored shard by shard, with the workflow's seeds and file formats. Run the same command again and it goes on where
    it stopped.

    Example: rethinking-backdoors train --config config/cifar10.yaml --experiment 1 --models 0:4000 --out exp1
    """
    with one_sentence():
        deadline, settings = Deadline(until), _checked(load(config))
        kernels.restart(settings["kernels"])  # before anything is computed: the files are to be the workflow's
        chosen = experiments(settings).get(experiment)
        if chosen is None:
            raise InputError(f"--experiment {experiment}: {config} has {', '.join(map(str, experiments(settings)))}.")
        percents = [round(100 * share) for share in chosen["alphas"]]
        if alpha is not None and alpha not in percents:
            raise InputError(f"--alpha {alpha}: experiment {experiment} has {', '.join(map(str, percents))}.")
        span = _span(models or f"0:{settings['models']['count']}", settings["models"]["count"])
        device = use_device(device or settings["device"], threads)
        seed = settings["seeds"][0] if seed is None else seed
        data = _poisoned(settings, experiment, seed, out, device)
        for a in percents if alpha is None else [alpha]:
            _models(settings, (experiment, seed, a), span, data, out, device, deadline)


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    from rethinking_backdoors.attacks import registry, triggers
    from rethinking_backdoors.data import image_shape

    try:
        settings = check(settings)
        registry.check(settings)
        triggers.check(settings["triggers"], image_shape(settings["images"]))
        return settings
    except KeyError as error:
        raise InputError(f"The configuration lacks {error.args[0]}.") from None


def _span(models: str, count: int) -> tuple[int, int]:
    """FIRST:END as two numbers."""
    found = re.fullmatch(r"(\d+):(\d+)", models)
    if not found or not int(found[1]) < int(found[2]) <= count:
        raise InputError(f"--models {models}: give FIRST:END with FIRST below END and END at most models.count, {count}.")
    return int(found[1]), int(found[2])


def _poisoned(settings: dict[str, Any], experiment: int, seed: int, out: Path, device: str) -> Data:
    """The poisoned training set; ``out`` gets poison.npz and attack.json if it lacks them."""
    from rethinking_backdoors.attacks.poisoning import poisoned_set, write_poison
    from rethinking_backdoors.from_config import adversary_of, extractor_of, images_of, poison_of

    attack, record = attack_of(settings, experiment), out / "command.json"
    parts = {key: settings.get(key) for key in ("dataset", "images", "adversary", "features")}
    made_from = {
        "experiment": experiment,
        "seed": seed,
        "settings": digest({**parts, "attack": attack, "of": settings["training"]}),
    }
    if record.exists() and read_json(record) != made_from:
        raise InputError(f"{out} holds files of another experiment, seed or configuration: choose another --out.")
    arrays = images_of(settings, seed)
    images, labels = arrays["train_image"], arrays["train_label"]
    extractor = extractor_of(settings, seed, arrays.get("spare_image"))
    if not record.exists():
        print(f"experiment {experiment}, seed {seed}: making the poisoned set", flush=True)
        adversary = partial(adversary_of, settings, seed, images, labels, extractor, device)
        write_poison(out, poison_of(settings, experiment, seed, images, labels, adversary, device), attack, seed)
        write_json(record, made_from)
    images, labels = poisoned_set(images, labels, **read_npz(out / "poison.npz", "index", "image", "label"))
    return images, labels, extractor


def _models(
    settings: dict[str, Any],
    which: tuple[int, int, int],
    span: tuple[int, int],
    data: Data,
    out: Path,
    device: str,
    deadline: Deadline,
) -> None:
    """Trains the models of one experiment, seed and subset fraction (percent) that ``out`` lacks, while there is time."""
    from rethinking_backdoors.seeds import root
    from rethinking_backdoors.training.engine import train_shard
    from rethinking_backdoors.training.margins import missing, shard_name

    (experiment, seed, alpha), (images, labels, extractor), size = which, data, settings["models"]["shard"]
    folder = out / f"alpha{alpha}" / "margins"
    parts = missing(folder, span, size)
    if not parts:
        print(f"{folder}: every model is there already", flush=True)
    for models in parts:
        path = folder / f"{shard_name(models, size)}.npy"
        print(f"{path}: models {models[0]} to {models[1] - 1} on {device}", flush=True)
        end = train_shard(
            images,
            labels,
            path,
            root=root(settings["dataset"], experiment, seed),
            alpha=alpha / 100,
            models=models,
            training=training_of(settings, experiment),
            extractor=extractor,
            device=device,
            deadline=deadline,
        )
        if end < models[1] or not deadline.fits(0):
            print(f"the time is over after model {end - 1}: run the same command again to go on", flush=True)
            return
