import numpy as np
import pytest
import torch
from torch.nn import functional

from rethinking_backdoors.attacks.adversarial import ascend, perturb, to_bytes, to_unit, train_robust
from rethinking_backdoors.training.networks import build, restore, weights


@pytest.fixture(scope="module")
def digits():
    from rethinking_backdoors.data import digits

    made = digits(500, np.random.default_rng(0))
    return made["train_image"], made["train_label"]


@pytest.fixture(scope="module")
def network(digits):
    network = build({"hidden": 32}, (8, 8, 1), 10, np.random.default_rng(0))
    settings = {"radius": 0.5, "steps": 3, "epochs": 15, "batch_size": 50, "learning_rate": 0.1}
    return train_robust(network, *digits, **settings, rng=np.random.default_rng(1))


def test_in_a_linear_model_the_ascent_goes_straight_to_the_edge():
    # Two classes, logits (0, a x): the loss of class 0 rises along a, so the best point of the ball is x + r a / |a|.
    linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2, bias=False))
    direction = torch.tensor([3.0, 0.0, 4.0, 0.0])
    linear[1].weight.data = torch.stack([torch.zeros(4), direction])
    start = torch.full((1, 1, 2, 2), 0.5)
    found = ascend(linear, start, torch.tensor([0]), radius=0.1, steps=5, step_size=0.05)
    assert torch.allclose((found - start).flatten(), 0.1 * direction / 5, atol=1e-6)


def test_norm_labels_and_pixels_stay_valid_and_the_loss_rises(digits, network):
    x, y = to_unit(digits[0][:50]), torch.from_numpy(digits[1][:50])
    hard = ascend(network, x, y, radius=2.0, steps=50, step_size=0.2)
    norm = (hard - x).flatten(1).norm(dim=1)
    assert (norm <= 2.0 + 1e-5).all()
    assert (norm >= 1.5).all()
    assert hard.min() >= 0
    assert hard.max() <= 1
    before = functional.cross_entropy(network(x), y, reduction="none")
    after = functional.cross_entropy(network(hard), y, reduction="none")
    assert (after > before).all()


def test_bytes_survive_the_way_to_the_unit_range_and_back(digits):
    assert (to_bytes(to_unit(digits[0])) == digits[0]).all()
    perturbed = perturb(digits[0][:5], digits[1][:5], torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)),
                        radius=0.5, steps=3, step_size=0.2)  # fmt: skip
    assert perturbed.shape == (5, 8, 8, 1)
    assert perturbed.dtype == np.uint8


def test_robust_training_makes_the_network_robust(digits, network):
    plain = build({"hidden": 32}, (8, 8, 1), 10, np.random.default_rng(0))
    settings = {"radius": 1e-6, "steps": 1, "epochs": 15, "batch_size": 50, "learning_rate": 0.1}
    train_robust(plain, *digits, **settings, rng=np.random.default_rng(1))
    x, y = to_unit(digits[0]), torch.from_numpy(digits[1])
    accuracy = {}
    for name, model in (("plain", plain), ("robust", network)):
        hard = ascend(model, x, y, radius=0.5, steps=10, step_size=0.1)
        accuracy[name] = (model(hard).argmax(1) == y).float().mean().item()
    assert accuracy["robust"] > accuracy["plain"] + 0.05


def test_a_network_survives_the_way_through_arrays(network):
    again = restore({"hidden": 32}, (8, 8, 1), 10, weights(network))
    x = torch.rand(3, 1, 8, 8)
    assert torch.equal(again(x), network(x))
