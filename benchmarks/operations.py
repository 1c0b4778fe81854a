"""How many floating-point operations a ResNet-9 takes, by hand and by torch's counter, and how fast a device multiplies."""

import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from rethinking_backdoors.training.resnet import ResNet9

# Multiply-adds of the forward pass of one 32 x 32 image: pixels out x weights of each layer.
HAND = {
    "conv 3->64": 32 * 32 * (3 * 64 * 9),
    "conv 64->128": 16 * 16 * (64 * 128 * 25),
    "residual 128": 16 * 16 * 2 * (128 * 128 * 9),
    "conv 128->256": 16 * 16 * (128 * 256 * 9),
    "residual 256": 8 * 8 * 2 * (256 * 256 * 9),
    "conv 256->128": 6 * 6 * (256 * 128 * 9),
    "linear": 128 * 10,
}


def seconds(work: Callable[[], object], device: str) -> float:
    """Wall-clock seconds of ``work``, the device's queue included."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    work()
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def product_rate(device: str) -> float:
    """Floating-point operations a second of a large matrix product: bf16 on a GPU, float32 elsewhere; the best of five."""
    cuda = device.startswith("cuda")
    size, kind, repeats = (8192, torch.bfloat16, 10) if cuda else (1024, torch.float32, 3)
    a, b = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    return 2 * size**3 * repeats / min(seconds(lambda: [a @ b for _ in range(repeats)], device) for _ in range(5))


def counted(images: int = 4) -> tuple[float, float]:
    """Operations of torch's counter for one training image (forward and backward) and one evaluated image."""
    network = ResNet9(10)
    inputs = torch.rand(images, 3, 32, 32)
    with FlopCounterMode(display=False) as training:
        network(inputs).sum().backward()
    with FlopCounterMode(display=False) as evaluation, torch.no_grad():
        network.eval()(inputs)
    return training.get_total_flops() / images, evaluation.get_total_flops() / images


def by_hand() -> tuple[float, float]:
    """The same as ``counted`` from the layers' sizes; a multiply-add is two operations."""
    forward = 2 * sum(HAND.values())
    # Backward costs twice the forward pass, but nobody asks for the gradient of the images.
    return 3 * forward - 2 * HAND["conv 3->64"], forward
