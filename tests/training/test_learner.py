import numpy as np
import pytest
import torch

from rethinking_backdoors.training import learner, mlp
from rethinking_backdoors.training.learner import Learner, representations

MLP = {
    "network": "mlp", "hidden": 8, "epochs": 3, "batch_size": 6, "peak_lr": 0.3, "peak_epoch": 1,
    "momentum": 0.9, "weight_decay": 0.01, "models_at_once": 4,
}  # fmt: skip
RESNET = {
    "network": "resnet9", "epochs": 2, "batch_size": 8, "peak_lr": 0.1, "peak_epoch": 1, "momentum": 0.9, "weight_decay": 0.01,
    "label_smoothing": 0.0, "cutout": 0, "precision": "fp32", "compile": False, "models_at_once": 1,
}  # fmt: skip
CASES = {"mlp": (MLP, (5, 5, 1)), "features": (MLP, None), "resnet9": (RESNET, (12, 12, 3))}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=CASES)
def case(request):
    """Inputs, labels and the section ``training``: images for both networks, and features."""
    training, shape = CASES[request.param]
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 256, (24, *shape), dtype=np.uint8) if shape else rng.standard_normal((24, 7), dtype=np.float32)
    return inputs, np.arange(24) % 3, training


def test_losses_and_predictions_are_those_of_the_network(case):
    own = Learner(*case)
    network = own.fit(np.arange(0, 24, 2), np.random.default_rng(1))
    loss, predicted = own.evaluate(network)
    (logits,) = network.logits(own.inputs).numpy().astype(np.float64)
    expected = np.log(np.exp(logits).sum(0)) - logits[case[1], np.arange(24)]
    assert np.allclose(loss, expected, atol=1e-4)
    assert (predicted == logits.argmax(0)).all()


def test_training_goes_on_from_given_weights(case):
    own = Learner(*case)
    network = own.fit(np.arange(24), np.random.default_rng(1))
    before = own.evaluate(network)[0]
    # Weights that hardly move: the learning rate of the further training is next to nothing.
    still = Learner(case[0], case[1], {**case[2], "peak_lr": 1e-9, "weight_decay": 0.0})
    on, anew = (still.fit(np.arange(24), np.random.default_rng(2), 1, start=start) for start in (network, None))
    if case[2]["network"] == "mlp":
        assert np.allclose(still.evaluate(on)[0], before, atol=1e-4)
        assert not np.allclose(still.evaluate(anew)[0], before, atol=0.01)
    else:
        # The running statistics of normalisation move even where the weights do not.
        pairs = zip(on.states[0], network.states[0], strict=True)
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in pairs if a.dim() > 1)
        assert not torch.allclose(anew.states[0][0], network.states[0][0], atol=1e-3)
    # The network that was gone on from is what it was.
    assert np.allclose(own.evaluate(network)[0], before, atol=1e-6)


def test_epochs_replace_the_recipe_s(case):
    inputs, labels, training = case
    own = Learner(*case)
    one = {**training, "epochs": 1, "peak_epoch": training["peak_epoch"] / training["epochs"]}
    expected = Learner(inputs, labels, one).fit(np.arange(24), np.random.default_rng(1))
    found, whole = (own.fit(np.arange(24), np.random.default_rng(1), epochs) for epochs in (1, None))
    assert np.allclose(own.evaluate(found)[0], own.evaluate(expected)[0], atol=1e-5)
    assert not np.allclose(own.evaluate(found)[0], own.evaluate(whole)[0], atol=1e-3)


def test_only_the_subset_is_learned():
    # Labels are noise, so what the network was not shown it cannot know.
    rng = np.random.default_rng(0)
    inputs, labels = rng.standard_normal((60, 20), dtype=np.float32), rng.integers(0, 3, 60)
    own = Learner(inputs, labels, {**MLP, "hidden": 64, "epochs": 40})
    _, predicted = own.evaluate(own.fit(np.arange(30), np.random.default_rng(1)))
    right = predicted == labels
    assert right[:30].mean() == 1
    assert right[30:].mean() < 0.7


def test_logits_are_a_linear_map_of_the_representations(case, monkeypatch):
    kept = []
    fit = Learner.fit
    monkeypatch.setattr(Learner, "fit", lambda *args, **kwargs: kept.append(fit(*args, **kwargs)) or kept[-1])
    inputs, labels, training = case
    found = representations(inputs, labels, root=5, training=training)
    assert found.dtype == np.float32
    assert found.shape == (24, 8 if training["network"] == "mlp" else 128)
    assert (found >= 0).all()
    (network,) = kept
    last = network.second[0] if training["network"] == "mlp" else 0.2 * network.step.network.linear.weight
    (logits,) = network.logits(Learner(*case).inputs)
    assert np.allclose(last.detach().numpy() @ found.T, logits.numpy(), atol=1e-4)
    assert (representations(inputs, labels, root=5, training=training) == found).all()
    assert not np.allclose(representations(inputs, labels, root=6, training=training), found)


def test_several_models_go_on_each_from_its_own():
    rng = np.random.default_rng(0)
    x, y = torch.from_numpy(rng.random((40, 5), dtype=np.float32)), torch.from_numpy(rng.integers(0, 3, 40))
    recipe = mlp.Recipe(**{key: value for key, value in MLP.items() if key != "network"})
    subsets = np.stack([rng.permutation(40)[:20] for _ in range(3)])

    def streams(first):
        return [np.random.default_rng(first + index) for index in range(3)]

    begun = mlp.train(x, y, subsets, streams(0), recipe)
    whole = mlp.train(x, y, subsets, streams(10), recipe, epochs=2, start=begun)
    for index in range(3):
        single = mlp.Models(begun.first[index : index + 1], begun.second[index : index + 1])
        alone = mlp.train(x, y, subsets[index : index + 1], [np.random.default_rng(10 + index)], recipe, epochs=2, start=single)
        assert torch.allclose(alone.first[0], whole.first[index], atol=1e-5)


def test_the_module_offers_what_defenses_declare():
    from rethinking_backdoors.defenses import interface

    for name in ("fit", "evaluate"):
        offered, asked = (getattr(side.Learner, name).__annotations__ for side in (learner, interface))
        assert set(offered) == set(asked)
