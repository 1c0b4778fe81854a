"""The paper's network: a ResNet-9 for 32 x 32 colour images (paper, section 5 and footnote 17).

As in the script that the paper names, for 32 x 32 inputs:

    conv 3x3    3 ->  64   64 x 32 x 32
    conv 5x5/2  64 -> 128  128 x 16 x 16
    residual    128        128 x 16 x 16   (two convolutions 3x3)
    conv 3x3    128 -> 256 256 x 16 x 16
    max-pool 2             256 x  8 x  8
    residual    256        256 x  8 x  8   (two convolutions 3x3)
    conv 3x3    256 -> 128 128 x  6 x  6   (no padding)
    global max-pool        128
    linear      128 -> 10  no bias, times 0.2

Every convolution is without bias and followed by batch normalisation and a rectifier.
"""

import contextlib
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from rethinking_backdoors.errors import InputError

# Of CIFAR-10 in 0..255, as in the public datamodels example; its sd is smaller than the pixels' own.
MEAN = (125.307, 122.961, 113.8575)
SD = (51.5865, 50.847, 51.255)
# The linear layer's outputs are scaled by this, which keeps early losses small.
_SCALE = 0.2
# GPUs multiply matrices of half-precision numbers only where channels come in eights.
_CHANNELS = 8


class FirstConvolution(nn.Conv2d):
    """A convolution of three colours; on a GPU the colours are filled up with zeros, which changes nothing but the time."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (N, out_channels, H', W')."""
        assert not isinstance(self.padding, str)
        return filled_up(x, self.weight, self.padding) if x.is_cuda else super().forward(x)


def filled_up(x: torch.Tensor, weight: torch.Tensor, padding: tuple[int, ...]) -> torch.Tensor:
    """The convolution of x (N, C, H, W) with weight (K, C, h, w), computed with zeros as channels C + 1 to 8."""
    zeros = (0, 0, 0, 0, 0, _CHANNELS - x.shape[1])
    return functional.conv2d(functional.pad(x, zeros), functional.pad(weight, zeros), padding=padding)


class Convolution(nn.Sequential):
    """Convolution, batch normalisation, rectifier."""

    def __init__(self, channels_in: int, channels_out: int, *, size: int = 3, stride: int = 1, padding: int = 1):
        super().__init__(
            (FirstConvolution if channels_in == 3 else nn.Conv2d)(
                channels_in, channels_out, size, stride=stride, padding=padding, bias=False
            ),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """Two convolutions and what went into them."""

    def __init__(self, channels: int):
        super().__init__()
        self.inner = nn.Sequential(Convolution(channels, channels), Convolution(channels, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) in and out."""
        return x + self.inner(x)


class ResNet9(nn.Module):
    """Maps images (N, 3, H, W) in [0, 1] to logits (N, classes); normalisation is inside. See the module's table.

    Args:
        mixed: whether everything up to the last hidden layer is computed in bfloat16; the logits never are, because margins are
            differences of them.
    """

    mean: torch.Tensor
    sd: torch.Tensor

    def __init__(self, classes: int, *, mixed: bool = False):
        super().__init__()
        self.mixed = mixed
        self.layers = nn.Sequential(
            Convolution(3, 64),
            Convolution(64, 128, size=5, stride=2, padding=2),
            Residual(128),
            Convolution(128, 256),
            nn.MaxPool2d(2),
            Residual(256),
            Convolution(256, 128, padding=0),
        )
        self.linear = nn.Linear(128, classes, bias=False)
        # Constants, not state: they do not belong into files of weights.
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1) / 255, persistent=False)
        self.register_buffer("sd", torch.tensor(SD).view(1, 3, 1, 1) / 255, persistent=False)

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) in [0, 1] to the same shape with the data's mean at 0 and in units of its sd."""
        return (images - self.mean) / self.sd

    def representations(self, normalised: torch.Tensor) -> torch.Tensor:
        """The last hidden layer (N, 128) of images (N, 3, H, W) that are normalised already."""
        # Every weight is used once a pass: a cache of converted weights would only hold memory, and CUDA graphs forbid it.
        half = torch.autocast(normalised.device.type, torch.bfloat16, cache_enabled=False)
        with half if self.mixed else contextlib.nullcontext():
            maps = self.layers(normalised)
        return functional.max_pool2d(maps, maps.shape[-2:]).flatten(1).to(self.linear.weight.dtype)

    def logits(self, normalised: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of images (N, 3, H, W) that are normalised already."""
        return _SCALE * self.linear(self.representations(normalised))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) in [0, 1] to (N, classes)."""
        return self.logits(self.normalise(images))


def check_shape(image_shape: tuple[int, ...]) -> None:
    """Raises InputError unless images (H, W, C) can go through the network."""
    height, width, channels = image_shape
    if channels != 3 or min(height, width) < 12:
        shape = " x ".join(map(str, image_shape))
        raise InputError(f"resnet9 needs colour images of at least 12 x 12 pixels; these are {shape}: choose another network.")


def draw(network: ResNet9, rng: np.random.Generator) -> list[torch.Tensor]:
    """Initial values, float32, for each of the network's parameters, in their order: torch's own defaults, drawn from ``rng``.

    Convolutions and the linear layer are uniform within 1 / sqrt(inputs of a unit); normalisation starts as the identity.
    """
    values = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = np.float32(1 / math.sqrt(module.weight[0].numel()))
            values.append((2 * rng.random(tuple(module.weight.shape), dtype=np.float32) - 1) * bound)
        elif isinstance(module, nn.BatchNorm2d):
            values += [np.ones(module.num_features, np.float32), np.zeros(module.num_features, np.float32)]
    return [torch.from_numpy(value) for value in values]


@torch.no_grad()
def reset(network: ResNet9, values: list[torch.Tensor]) -> None:
    """Puts the network, in place, into the state before training, with parameters from ``draw``."""
    for parameter, value in zip(network.parameters(), values, strict=True):
        parameter.copy_(value)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
