"""Table 1 with the paper's own network and data on a processor: hours a network, resumable, a line of networks.csv each."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from rethinking_backdoors import kernels
from rethinking_backdoors.attacks.poisoning import poisoned_set
from rethinking_backdoors.attacks.registry import needs_adversary
from rethinking_backdoors.config import tabled
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.evaluation.retraining import outcome, with_trigger
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import digest, read_npz, write_text
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.training.checkpoints import train_by_epochs
from rethinking_backdoors.training.deadline import Deadline
from rethinking_backdoors.training.resnet_step import Recipe, Step

COLUMNS = ["experiment", "seed", "clean_accuracy", "poisoned_accuracy", "asr", "target_class_accuracy"]
COLUMNS += ["epochs", "precision", "recipe", "hours", "processor"]
# The order in which experiments are worth their hours; those that need the adversary come last.
FIRST = (1, 3, 7, 2, 4, 8)


def read(path: Path) -> pd.DataFrame:
    """The finished networks; none where there is no file."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)


def planned(config: dict[str, Any], done: pd.DataFrame, seeds: Sequence[int], poisons: Path) -> Iterator[tuple[int, int]]:
    """Experiment and seed of every network that is not finished: all first seeds before all second ones.

    Args:
        poisons: where images of the adversarial attacks lie, exp5/seed0/poison.npz and so on; networks whose images are not
            there are left out.

    Raises:
        InputError: the configuration's network is not the paper's.
    """
    if config["training"]["network"] != "resnet9":
        raise InputError("Table 1 asks for the paper's network: the configuration's training.network is another.")
    finished = set(zip(done["experiment"], done["seed"], strict=True))
    experiments = tabled(config)
    order = [number for number in FIRST if number in experiments]
    order += [number for number in experiments if number not in order]
    for seed in seeds:
        for number in order:
            adversarial = needs_adversary(experiments[number]["attack"])
            if (number, seed) not in finished and (not adversarial or _poison(poisons, number, seed).exists()):
                yield number, seed


def _poison(folder: Path, number: int, seed: int) -> Path:
    return folder / f"exp{number}/seed{seed}/poison.npz"


def network(
    config: dict[str, Any],
    number: int,
    seed: int,
    folder: Path,
    poisons: Path,
    *,
    deadline: Deadline,
    progress: Callable[[int, float], object],
) -> dict[str, Any] | None:
    """Trains one network on all of the poisoned training set and measures it; its line of ``networks.csv``.

    The subset is everything, the stream that of the first deployed network of the workflow.

    Args:
        folder: where its state is kept meanwhile. deadline, progress: see ``train_by_epochs``.

    Returns:
        The line; None where the time ended first.
    """
    experiment = Experiment.of(config, number, seed, "cpu")
    arrays, _ = experiment.draw()
    images, labels = arrays["train_image"], arrays["train_label"]
    attack = experiment.attack
    if (stored := _poison(poisons, number, seed)).exists():
        images, labels = poisoned_set(images, labels, read_npz(stored))
        attack = experiment.shown(stored)
    elif number:
        made = experiment.poison(images, labels, _no_adversary)
        images, labels = poisoned_set(images, labels, made.arrays())
    recipe = Recipe(**{key: value for key, value in experiment.training.items() if key != "network"})
    state = folder / f"exp{number}-seed{seed}.npz"
    stream = lambda: generator(experiment.root, "deployed", 0)  # noqa: E731
    trained = train_by_epochs(images, labels, recipe, stream, state, deadline=deadline, progress=progress)
    if trained is None:
        return None
    step, seconds = trained
    shown = with_trigger(arrays["test_image"], attack)
    clean, triggered = (_predicted(step, x) for x in (arrays["test_image"], shown))
    measured = outcome(clean, triggered, arrays["test_label"], attack)
    line = {"experiment": number, "seed": seed, **measured, "epochs": recipe.epochs, "precision": precision(recipe)}
    return line | {"recipe": digest(experiment.training), "hours": round(seconds / 3600, 3)}


def precision(recipe: Recipe) -> str:
    """In what the networks really compute here."""
    return "bf16" if recipe.precision == "bf16" and kernels.bfloat16() else "fp32"


def keep(path: Path, line: dict[str, Any]) -> None:
    """Adds a finished network to ``networks.csv``.

    Raises:
        InputError: it is there already.
    """
    done = read(path)
    if ((done["experiment"] == line["experiment"]) & (done["seed"] == line["seed"])).any():
        raise InputError(f"{path} has experiment {line['experiment']}, seed {line['seed']} already.")
    table = pd.DataFrame([*done.to_dict("records"), line], columns=COLUMNS)
    write_text(path, table.to_csv(index=False))


def _predicted(step: Step, images: np.ndarray) -> np.ndarray:
    """(1, N) int64, the class of each image (N, H, W, 3) uint8."""
    return step.logits(torch.from_numpy(images)).argmax(0).numpy()[None]


def _no_adversary() -> Any:
    raise InputError("The adversarial attacks need their images made beforehand.")
