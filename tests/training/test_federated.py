"""Federated averaging against gradient descent by torch itself."""

from dataclasses import replace

import numpy as np
import torch

from rethinking_backdoors.training.federated import Federation, train


def descended(weights, x, y, recipe):
    """One client's steps by automatic differentiation."""
    first, second = (part.clone().requires_grad_() for part in weights)
    for _ in range(recipe.steps):
        loss = torch.nn.functional.cross_entropy(torch.relu(x @ first.T) @ second.T, y)
        gradients = torch.autograd.grad(loss, (first, second))
        first, second = (
            (part - recipe.rate * gradient).detach().requires_grad_()
            for part, gradient in zip((first, second), gradients, strict=True)
        )
    return first.detach(), second.detach()


def test_a_round_is_the_mean_of_the_clients_own_steps():
    rng = np.random.default_rng(0)
    x, y = torch.from_numpy(rng.standard_normal((12, 5), dtype=np.float32)), torch.from_numpy(rng.integers(0, 3, 12))
    y[0] = 2
    clients = np.arange(12).reshape(4, 3)
    taking = np.array([[0, 2], [3, 1]])
    recipe = Federation(hidden=4, rounds=1, steps=3, rate=0.3)

    def trained(**changes):
        streams = [np.random.default_rng(seed) for seed in (1, 2)]
        moved = torch.zeros(2, 2, 4 * (5 + 3))
        return train(x, y, clients, taking, streams, replace(recipe, **changes), moved), moved

    start, _ = trained(steps=0)
    one, moved = trained()
    two, _ = trained(rounds=2)
    for federation in range(2):
        own, twice = [], []
        for client in taking[federation]:
            part = clients[client]
            own.append(descended((start.first[federation], start.second[federation]), x[part], y[part], recipe))
            twice.append(descended((one.first[federation], one.second[federation]), x[part], y[part], recipe))
        for found, expected in ((one, own), (two, twice)):
            assert torch.allclose(found.first[federation], torch.stack([w[0] for w in expected]).mean(0), atol=1e-5)
            assert torch.allclose(found.second[federation], torch.stack([w[1] for w in expected]).mean(0), atol=1e-5)
        change = torch.cat([(own[1][0] - start.first[federation]).flatten(), (own[1][1] - start.second[federation]).flatten()])
        assert torch.allclose(moved[federation, 1], change, atol=1e-5)
