"""Which trainer belongs to which ``network`` of the configuration: a new kind of network is one more line here."""

from typing import Any

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.training import mlp, resnet_training
from rethinking_backdoors.training.interface import Trainer

KINDS = {"mlp": mlp.Trainer, "resnet9": resnet_training.Trainer}


def trainer(training: dict[str, Any], device: str) -> Trainer:
    """The trainer that the section ``training`` of one experiment names (see ``config.training_of``).

    Raises:
        InputError: there is no such kind of network, or its settings are not the ones it has.
    """
    settings = {key: value for key, value in training.items() if key != "network"}
    kind = KINDS.get(training["network"])
    if kind is None:
        raise InputError(f"training.network is '{training['network']}'; there are {', '.join(sorted(KINDS))}.")
    try:
        return kind(settings, device)
    except TypeError as error:
        raise InputError(f"The settings of training.network {training['network']} are wrong: {error}.") from None
