"""Attacks that are made against a network, where the network is linear and the answer known, or the answer is a direction."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from rethinking_backdoors import methods
from rethinking_backdoors.attacks import narcissus, registry, sleeper_agent, tuap, universal
from rethinking_backdoors.attacks.adversarial import to_unit
from rethinking_backdoors.attacks.poisoning import poison, poisoned_set
from rethinking_backdoors.attacks.triggers import stamp_test
from rethinking_backdoors.experiment import Experiment
from rethinking_backdoors.io import write_npz

SHAPES = [(32, 32, 3), (28, 28, 1), (8, 8, 1)]


def images(shape, n=40):
    """Far enough from the ends of the scale that nothing is cut off."""
    return np.random.default_rng(1).integers(90, 160, (n, *shape), dtype=np.uint8)


def linear(shape, classes=2):
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(int(np.prod(shape)), classes, bias=False))
    values = np.random.default_rng(2).standard_normal((classes, int(np.prod(shape)))) * 0.01
    network[1].weight.data = torch.from_numpy(values)
    return network.double()


@pytest.mark.parametrize("shape", SHAPES)
def test_between_two_classes_of_a_linear_network_the_best_perturbation_is_a_sign(shape):
    network = linear(shape)
    found = universal.learn(network, images(shape), 1, radius=12.0, steps=9, rng=np.random.default_rng(0))
    weights = network[1].weight.detach().numpy()
    best = np.sign(weights[1] - weights[0]).reshape(shape[2], *shape[:2]).transpose(1, 2, 0)
    assert np.allclose(found, 12 * best)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_perturbation_is_added_to_every_pixel_and_louder_at_test(shape):
    x, pattern = images(shape), np.random.default_rng(3).uniform(-9, 9, shape)
    rounded = np.rint(x + pattern).astype(np.uint8)
    assert (tuap.triggered(x, pattern, tuap.Settings()) == rounded).all()
    made, _ = narcissus.make(x, np.zeros(len(x)), pattern, narcissus.Settings(), np.random.default_rng(0), None)
    assert (made == rounded).all()
    assert (narcissus.triggered(x, pattern, narcissus.Settings(magnified=2.0)) == np.rint(x + 2 * pattern).astype(np.uint8)).all()


def test_the_two_differ_in_the_images_that_they_learn_from(monkeypatch):
    labels, taken = np.array([0, 1, 1, 2]), []
    monkeypatch.setattr(universal, "learn", lambda network, images, *args, **kwargs: taken.append(images.tolist()))
    for module in (tuap, narcissus):
        module.learn(np.arange(4), labels, 1, module.Settings(), None, None)
    assert taken == [[0, 3], [1, 2]]


@pytest.mark.parametrize("attack", ["tuap", "narcissus"])
def test_what_was_learnt_is_kept_with_the_poison_and_shown_at_test(attack, tmp_path):
    shape, network = (8, 8, 1), linear((8, 8, 1), 4)
    x, labels = images(shape), np.arange(40) % 4
    line = {"attack": attack, "settings": {"radius": 20.0}, "trigger": [], "target_class": 2, "count": 6}
    made = poison(x, labels, **line, rng=np.random.default_rng(0), network=network)
    assert (labels[made.index] == 2).all()
    assert (made.label == 2).all()
    assert np.abs(made.pattern).max() == pytest.approx(20.0)
    after, _ = poisoned_set(x, labels, made.arrays())
    assert (after[made.index] == np.rint(x[made.index] + made.pattern)).all()
    write_npz(tmp_path / "poison.npz", **made.arrays())
    shown = Experiment("digits", 1, 0, attack=line).shown(tmp_path / "poison.npz")
    module = registry.module(attack)
    expected = module.triggered(x, made.pattern, methods.settings(module, line["settings"]))
    assert (registry.triggered(x, shown["trigger"], attack, shown["settings"]) == expected).all()


def test_an_attack_that_learns_nothing_is_shown_as_configured(tmp_path):
    line = {"attack": "dirty_label", "trigger": [[{"rows": [0, 0], "columns": [0, 0], "color": [255]}]], "target_class": 2}
    write_npz(tmp_path / "poison.npz", index=np.arange(2))
    assert Experiment("digits", 1, 0, attack=line).shown(tmp_path / "poison.npz") == line


def gradient(network, x, label):
    loss = functional.cross_entropy(network(to_unit(x, torch.float64)), torch.full((len(x),), label))
    return torch.cat([one.flatten() for one in torch.autograd.grad(loss, list(network.parameters()))])


def test_a_sleeper_agents_images_pull_where_triggered_ones_would():
    """No image shows the trigger, all stay within the ball, and the gradient turns towards that of images with the trigger."""
    shape, trigger = (8, 8, 1), [[{"rows": [0, 1], "columns": [0, 1], "color": [255]}]]
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3)).double()
    for parameter in network.parameters():
        parameter.data = torch.from_numpy(np.random.default_rng(4).standard_normal(parameter.shape) * 0.2)
    x, labels, index = images(shape), np.arange(40) % 3, np.array([1, 4, 7, 10, 13])
    settings = sleeper_agent.Settings(radius=24.0, steps=60, sources=20)
    made = sleeper_agent.craft(x, labels, index, trigger, 1, settings, network, np.random.default_rng(0))
    assert made.shape == (5, 8, 8, 1)
    assert np.abs(made.astype(int) - x[index]).max() == 24
    aim = gradient(network, stamp_test(x[labels != 1], trigger), 1)
    before, after = (functional.cosine_similarity(gradient(network, one, 1), aim, dim=0) for one in (x[index], made))
    assert 1 - after < 0.7 * (1 - before)
    again = sleeper_agent.craft(x, labels, index, trigger, 1, settings, network, np.random.default_rng(0))
    assert (made == again).all()
