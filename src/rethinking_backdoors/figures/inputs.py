"""What each figure is drawn from: the files of a run. Figures of one seed show the first reported one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from rethinking_backdoors import tables
from rethinking_backdoors.config import describe
from rethinking_backdoors.data import class_names
from rethinking_backdoors.io import read_array, read_json, read_npz

Experiments = dict[int, dict[str, Any]]


def _place(results: str, number: int, experiment: dict[str, Any], seed: int) -> Path:
    """The folder of an experiment's first subset fraction."""
    return Path(results, f"exp{number}", f"seed{seed}", f"alpha{round(100 * experiment['alphas'][0])}")


def _titles(experiments: Experiments) -> dict[int, str]:
    return {number: describe(experiment) for number, experiment in experiments.items()}


def strengths(results: str, experiments: Experiments, seeds: list[int]) -> dict[str, Any]:
    """For the k-output curves and the scatters: every experiment's strength.npz."""
    arrays = {number: read_npz(_place(results, number, e, seeds[0]) / "strength.npz") for number, e in experiments.items()}
    return {"strengths": arrays, "titles": _titles(experiments)}


def images(results: str, experiments: Experiments, seeds: list[int], triggers: dict) -> dict[str, Any]:
    """For the triggers: clean training images, poisoned ones, and what the triggers are."""
    clean = read_npz(Path(results, "images", f"seed{seeds[0]}.npz"), "train_image")["train_image"]
    poisons = {number: read_npz(Path(results, f"exp{number}", f"seed{seeds[0]}", "poison.npz")) for number in experiments}
    chosen = {number: triggers[experiment["trigger"]] for number, experiment in experiments.items()}
    return {"images": clean, "poisons": poisons, "triggers": chosen, "titles": _titles(experiments)}


def weights(results: str, experiments: Experiments, seeds: list[int], estimator: str) -> dict[str, Any]:
    """For the histograms: every experiment's weight matrix (memory-mapped) by one estimator, and poisoned examples."""
    matrices, poisoned = {}, {}
    for number, experiment in experiments.items():
        place = _place(results, number, experiment, seeds[0])
        matrices[number] = read_array(place / f"datamodel_{estimator}.npy")[0]
        poisoned[number] = read_npz(place.parent / "poison.npz", "index")["index"]
    return {"weights": matrices, "poisoned": poisoned, "titles": _titles(experiments)}


def unplanted(results: str, experiments: Experiments, seeds: list[int]) -> dict[str, Any]:
    """For the features that nobody planted: their table, the pictures of the first seed, and what the classes are called."""
    table = pd.read_csv(Path(results, "tables", "figure2.csv"))
    names = class_names(read_json(Path(results, "images", "source.json")))
    return {"table": table, "pictures": read_npz(Path(results, "figure2", "pictures.npz")), "names": names}


def compute(name: str, results: str, experiments: Experiments, seeds: list[int]) -> dict[str, Any]:
    """For compute against accuracy: the table of one grid."""
    return {"table": pd.read_csv(Path(results, "tables", f"{name}.csv")), "titles": _titles(experiments)}


def suspicions(
    results: str, experiments: Experiments, seeds: list[int], target_class: int, defenses: list[str], rules: list[str]
) -> dict[str, Any]:
    """For the ROC curves: of every defense that makes scores those within the target class, and which are poisoned."""
    scores: dict[int, dict[str, list]] = {number: {} for number in experiments}
    for number, experiment in experiments.items():
        for seed in seeds:
            folder = Path(results, f"exp{number}", f"seed{seed}")
            facts = tables.truth(folder / "poison.npz", Path(results, "images", f"seed{seed}.npz"), target_class)
            target, percent = facts["target"], round(100 * experiment["alphas"][-1])
            for name, score in tables.suspicions(folder, defenses, rules, percent).items():
                scores[number].setdefault(name, []).append((score[target], facts["poisoned"][target]))
    return {"scores": scores, "titles": _titles(experiments)}


READERS: dict[str, Callable[..., dict[str, Any]]] = {
    **{f"figure{number}": strengths for number in (3, 4, 5, 7, 8)},
    "figure2": unplanted,
    "figure6": images,
    "figure9": weights,
    "figure10": partial(compute, "compute"),
    "figure10_full": partial(compute, "compute_full"),
    "figure11": suspicions,
}
