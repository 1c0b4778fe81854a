"""The training set of an experiment of a configuration of this project, as data to be scanned."""

from typing import TYPE_CHECKING, Any

from rethinking_backdoors.attacks.poisoning import poisoned_set
from rethinking_backdoors.config import experiments
from rethinking_backdoors.data import class_names
from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.experiment import Experiment

if TYPE_CHECKING:
    import torch


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
    arrays, facts = experiment.draw()
    images, labels = arrays["train_image"], arrays["train_label"]

    def adversary() -> "torch.nn.Module":
        fitted = experiment.fit_features(arrays) if experiment.features else None
        return experiment.train_adversary(images, labels, experiment.extractor(fitted))

    if number:
        made = experiment.poison(images, labels, adversary)
        images, labels = poisoned_set(images, labels, made.arrays())
    return Labelled(images, labels, classes=class_names(facts))
