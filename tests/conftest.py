"""CIFAR-10 for the tests that use it: the real images where CIFAR10_ROOT says where they are."""

import os

from rethinking_backdoors import kernels

# As the workflow, and before anything that computes is imported: what holds on one processor holds on all.
os.environ.update(kernels.environment("portable"))

import numpy as np
import pytest

from rethinking_backdoors.data import cifar10


@pytest.fixture(scope="session")
def real_cifar10():
    """The arrays and what is known of them."""
    if not os.environ.get("CIFAR10_ROOT"):
        pytest.skip("CIFAR10_ROOT is not set, so there are no real CIFAR-10 images here")
    return cifar10.load("not used", download=False)


@pytest.fixture(scope="session", params=["synthetic", "real"])
def photographs(request):
    """A training set of CIFAR-10's size, (50000, 32, 32, 3) uint8 with labels: noise, and the real one."""
    if request.param == "real":
        arrays, _ = request.getfixturevalue("real_cifar10")
        return arrays["x_train"], arrays["y_train"]
    return np.random.default_rng(0).integers(0, 256, (50_000, 32, 32, 3), dtype=np.uint8), np.arange(50_000) % 10
