"""Networks by name, as ordinary torch modules."""

import math

import numpy as np
import torch


def build(settings: dict, image_shape: tuple[int, ...], classes: int, rng: np.random.Generator) -> torch.nn.Module:
    """The network that ``settings`` names, initialised from ``rng``; maps (N, C, H, W) in [0, 1] to logits.

    Args:
        settings: ``network`` ("mlp": one hidden layer of ``hidden`` rectified units, no biases).
        image_shape: (H, W, C).
    """
    inputs = math.prod(image_shape)
    first = torch.nn.Linear(inputs, settings["hidden"], bias=False)
    second = torch.nn.Linear(settings["hidden"], classes, bias=False)
    for layer, scale in ((first, 2 / inputs), (second, 1 / settings["hidden"])):
        values = rng.standard_normal(layer.weight.shape, dtype=np.float32) * np.float32(math.sqrt(scale))
        layer.weight.data = torch.from_numpy(values)
    return torch.nn.Sequential(torch.nn.Flatten(), first, torch.nn.ReLU(), second)


def weights(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """The network's parameters by name, as arrays."""
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}


def restore(settings: dict, image_shape: tuple[int, ...], classes: int, parameters: dict[str, np.ndarray]) -> torch.nn.Module:
    """The network of ``build`` with the parameters that ``weights`` returned."""
    network = build(settings, image_shape, classes, np.random.default_rng(0))
    network.load_state_dict({name: torch.from_numpy(value) for name, value in parameters.items()})
    return network
