import numpy as np
import pytest
import torch

from rethinking_backdoors.training import mlp

RECIPE = mlp.Recipe(
    hidden=8, epochs=3, batch_size=6, peak_lr=0.3, peak_epoch=1, momentum=0.9, weight_decay=0.01, models_at_once=4
)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.random((40, 5), dtype=np.float32)), torch.from_numpy(rng.integers(0, 3, 40))


def streams(count):
    return [np.random.default_rng(index) for index in range(count)]


def subsets(count):
    return np.stack([np.random.default_rng(100 + index).choice(40, 20, replace=False) for index in range(count)])


def reference(inputs, labels, subset, rng):
    """The same training by torch's own modules, loss, optimizer and differentiation, one model."""
    first, second = torch.nn.Linear(5, 8, bias=False), torch.nn.Linear(8, 3, bias=False)
    first.weight.data = torch.from_numpy(rng.standard_normal((8, 5), dtype=np.float32)) * (2 / 5) ** 0.5
    second.weight.data = torch.from_numpy(rng.standard_normal((3, 8), dtype=np.float32)) * (1 / 8) ** 0.5
    network = torch.nn.Sequential(first, torch.nn.ReLU(), second)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0, momentum=0.9, weight_decay=0.01)
    # Three batches of six an epoch, the last two of the twenty examples are dropped; nine steps, the peak after three.
    rates = [0.1, 0.2, 0.3, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05]
    batches = np.concatenate([rng.permutation(subset)[:18] for _ in range(3)]).reshape(9, 6)
    for rate, batch in zip(rates, batches, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(inputs[batch]), labels[batch]).backward()
        optimizer.step()
    return network


def test_training_equals_torch_model_by_model(data):
    trained = mlp.train(*data, subsets(4), streams(4), RECIPE)
    logits = trained.logits(data[0])
    for index, (subset, rng) in enumerate(zip(subsets(4), streams(4), strict=True)):
        expected = reference(*data, subset, rng)(data[0]).detach()
        assert torch.allclose(logits[index].T, expected, atol=1e-4)


def test_the_rate_is_one_triangle():
    rates = [RECIPE.rate(step, 9) for step in range(9)]
    assert np.allclose(rates, [0.1, 0.2, 0.3, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05])


def test_margins_are_the_label_minus_the_largest_other():
    logits = torch.tensor([[[1.0, 5.0], [4.0, 2.0], [3.0, 9.0]]])
    assert mlp.margin(logits.clone(), torch.tensor([1, 0])).tolist() == [[1.0, -4.0]]
    assert mlp.margin(logits.clone(), torch.tensor([2, 2])).tolist() == [[-1.0, 4.0]]


def test_margins_do_not_depend_on_how_many_are_evaluated_at_once(data, monkeypatch):
    trained = mlp.train(*data, subsets(4), streams(4), RECIPE)
    whole = trained.margins(*data)
    monkeypatch.setattr(mlp, "_EVALUATED_AT_ONCE", 7)
    assert torch.allclose(trained.margins(*data), whole, atol=1e-5)
    plain = mlp.margin(trained.logits(data[0]), data[1])
    assert torch.allclose(plain, whole, atol=1e-5)


def test_huge_logits_do_not_overflow(data):
    trained = mlp.train(data[0] * 1000, data[1], subsets(2), streams(2), RECIPE)
    assert torch.isfinite(trained.first).all()
