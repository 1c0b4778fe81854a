"""Networks by name, as ordinary torch modules."""

import math
from copy import deepcopy

import numpy as np
import torch

from rethinking_backdoors.training import resnet
from rethinking_backdoors.training.features import Extractor


def build(
    settings: dict, image_shape: tuple[int, ...], classes: int, rng: np.random.Generator, extractor: Extractor | None = None
) -> torch.nn.Module:
    """The network that ``settings`` names, initialised from ``rng``; maps (N, C, H, W) in [0, 1] to logits.

    Args:
        settings: ``network`` ("mlp": one hidden layer of ``hidden`` rectified units, no biases; "resnet9": see ``resnet``);
            ``precision`` ("float32", the default; "float64"; "bf16": see ``resnet.ResNet9``, with parameters in float32).
        image_shape: (H, W, C).
        extractor: of the features that an "mlp" works on in place of the pixels; copied, since the network's precision may be
            another.

    Raises:
        InputError: images of this shape do not fit the network.
    """
    precision = settings.get("precision", "float32")
    if settings.get("network", "mlp") == "resnet9":
        resnet.check_shape(image_shape)
        network = resnet.ResNet9(classes, mixed=precision == "bf16")
        resnet.reset(network, resnet.draw(network, rng))
    elif extractor is not None:
        width = extractor(torch.zeros(1, image_shape[2], *image_shape[:2], dtype=extractor.filters.dtype)).shape[1]
        network = torch.nn.Sequential(deepcopy(extractor), _mlp(settings["hidden"], (width,), classes, rng))
    else:
        network = _mlp(settings["hidden"], image_shape, classes, rng)
    return network.to(torch.float64 if precision == "float64" else torch.float32)


def _mlp(hidden: int, image_shape: tuple[int, ...], classes: int, rng: np.random.Generator) -> torch.nn.Module:
    inputs = math.prod(image_shape)
    first = torch.nn.Linear(inputs, hidden, bias=False)
    second = torch.nn.Linear(hidden, classes, bias=False)
    for layer, scale in ((first, 2 / inputs), (second, 1 / hidden)):
        values = rng.standard_normal(layer.weight.shape, dtype=np.float32) * np.float32(math.sqrt(scale))
        layer.weight.data = torch.from_numpy(values)
    return torch.nn.Sequential(torch.nn.Flatten(), first, torch.nn.ReLU(), second)


def weights(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """The network's parameters by name, as arrays."""
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}


def restore(
    settings: dict,
    image_shape: tuple[int, ...],
    classes: int,
    parameters: dict[str, np.ndarray],
    extractor: Extractor | None = None,
) -> torch.nn.Module:
    """The network of ``build`` with the parameters that ``weights`` returned."""
    network = build(settings, image_shape, classes, np.random.default_rng(0), extractor)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in parameters.items()})
    return network
