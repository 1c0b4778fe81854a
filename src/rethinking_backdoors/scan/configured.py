"""The training set of an experiment of a configuration of this project, as data to be scanned."""

from functools import partial
from typing import Any

from rethinking_backdoors.attacks.poisoning import poisoned_set
from rethinking_backdoors.config import experiments
from rethinking_backdoors.data import class_names, open_source
from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.experiment import Experiment


def training_set(config: dict[str, Any], number: int, seed: int) -> Labelled:
    """The same images and labels that the workflow makes of an experiment and a seed.

    Args:
        config: checked. number: of one of its experiments; 0 is always the set that nobody attacked.

    Raises:
        InputError: there is no such experiment.
    """
    known = experiments(config)
    if number and number not in known:
        raise InputError(f"--experiment {number}: the configuration has {', '.join(map(str, known))}.")
    experiment = Experiment.of(config, number or min(known), seed, "cpu")
    images, labels, extractor = experiment.clean_set()
    if number:
        made = experiment.poison(images, labels, partial(experiment.train_adversary, images, labels, extractor))
        images, labels = poisoned_set(images, labels, made.index, made.image, made.label)
    return Labelled(images, labels, classes=class_names(open_source(config["images"])[1]))
