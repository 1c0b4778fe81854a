import copy

import numpy as np
import pytest
import torch

from rethinking_backdoors import config
from rethinking_backdoors.training import engine, resnet, resnet_training
from rethinking_backdoors.training.resnet_step import Recipe, Step, cut_out, to_unit

TRAINING = {
    "network": "resnet9",
    "epochs": 2,
    "batch_size": 8,
    "peak_lr": 0.1,
    "peak_epoch": 1,
    "momentum": 0.9,
    "weight_decay": 0.01,
    "label_smoothing": 0.1,
    "cutout": 3,
    "precision": "bf16",
    "compile": True,
    "models_at_once": 1,
}
SETTINGS = {key: value for key, value in TRAINING.items() if key != "network"}
RECIPE = Recipe(**SETTINGS)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    # Several threads gain nothing at this size, and wait for each other where the machine has other work.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (36, 12, 12, 3), dtype=np.uint8), rng.integers(0, 4, 36)


def plain(images, labels, subset, rng):
    """The same training as published: torch's modules, optimizer and differentiation, the images one by one on the host."""
    network = resnet.ResNet9(4)
    resnet.reset(network, resnet.draw(network, rng))
    orders = [rng.permutation(subset)[:16].reshape(2, 8) for _ in range(2)]
    corners = rng.integers(10, size=(4, 8, 2), dtype=np.int16)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0, momentum=0.9, weight_decay=0.01)
    # Two batches an epoch, the peak after two of four steps.
    for step, rate in enumerate([0.05, 0.1, 0.1, 0.05]):
        rows = orders[step // 2][step % 2]
        pixels = (images[rows] - np.array(resnet.MEAN)) / np.array(resnet.SD)
        for image, (top, left) in zip(pixels, corners[step], strict=True):
            image[top : top + 3, left : left + 3] = 0
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        logits = network.logits(torch.from_numpy(pixels.transpose(0, 3, 1, 2)).float())
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels[rows]), label_smoothing=0.1).backward()
        optimizer.step()
    return network.eval()


def test_training_equals_a_plain_torch_loop(data):
    images, labels = data
    subsets = np.stack([np.random.default_rng(seed).permutation(36)[:18] for seed in (5, 6)])
    trainer = resnet_training.Trainer(SETTINGS, "cpu")
    inputs = trainer.prepare(images)
    assert inputs.dtype == torch.uint8
    trained = trainer.train(inputs, torch.from_numpy(labels), subsets, [np.random.default_rng(seed) for seed in (7, 8)])
    logits = trained.logits(inputs)
    assert logits.shape == (2, 4, 36)
    margins = trained.margins(inputs, torch.from_numpy(labels))
    for index, (subset, seed) in enumerate(zip(subsets, (7, 8), strict=True)):
        expected = plain(images, labels, subset, np.random.default_rng(seed))(to_unit(torch.from_numpy(images))).detach()
        assert torch.allclose(logits[index].T, expected, atol=2e-3)
        own = expected[torch.arange(36), labels]
        others = expected.clone()
        others[torch.arange(36), labels] = -torch.inf
        assert torch.allclose(margins[index], own - others.max(1).values, atol=4e-3)


def test_one_step_is_torch_s_sgd(data):
    images, labels = (torch.from_numpy(part[:8]) for part in data)
    step = Step(RECIPE, (12, 12, 3), 4, 8, "cpu")
    step.reset(np.random.default_rng(0))
    other = copy.deepcopy(step.network)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    step.images.copy_(images)
    step.labels.copy_(labels)
    step.corners.fill_(4)
    step.side.fill_(3)
    for rate in (0.1, 0.03):
        step.rate.fill_(rate)
        step.advance()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        inputs = cut_out(other.normalise(to_unit(images)), torch.full((8, 2), 4), 3)
        torch.nn.functional.cross_entropy(other.logits(inputs), labels, label_smoothing=0.1).backward()
        optimizer.step()
    for own, expected in zip(step.network.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.allclose(own.float(), expected.float(), atol=1e-4)


def test_evaluation_uses_the_running_statistics_and_leaves_them(data):
    step = Step(RECIPE, (12, 12, 3), 4, 8, "cpu")
    step.reset(np.random.default_rng(0))
    images = torch.from_numpy(data[0])
    before = [tensor.clone() for tensor in step.network.state_dict().values()]
    whole = step.logits(images)
    assert all(torch.equal(a, b) for a, b in zip(before, step.network.state_dict().values(), strict=True))
    assert step.network.training
    # No image's logits depend on the images beside it.
    assert torch.allclose(step.logits(images[:5]), whole[:, :5], atol=1e-4)


def test_cutout_blanks_one_whole_square_an_image():
    corners = torch.tensor([[0, 0], [9, 9], [3, 7]])
    cut = cut_out(torch.ones(3, 2, 12, 12), corners, 3)
    for image, (top, left) in zip(cut, corners.tolist(), strict=True):
        expected = torch.ones(12, 12)
        expected[top : top + 3, left : left + 3] = 0
        assert torch.equal(image[0], expected)
        assert torch.equal(image[1], expected)


def test_every_place_where_the_square_fits_is_equally_likely():
    corners = resnet_training.draw_corners(np.random.default_rng(0), 4, (500, 40), (7, 6))
    places, counts = np.unique(corners.reshape(-1, 2).numpy(), axis=0, return_counts=True)
    assert (places == [(row, column) for row in range(4) for column in range(3)]).all()
    # 20,000 / 12: standard error 39.
    assert np.abs(counts - 20000 / 12).max() < 5 * 39


def test_margins_do_not_depend_on_how_models_are_cut_into_shards(data, tmp_path):
    def shard(name, models, **changes):
        training = {**TRAINING, **changes}
        engine.train_shard(*data, tmp_path / name, root=3, alpha=0.5, models=models, training=training)
        return np.load(tmp_path / name)

    whole = shard("whole.npy", (0, 3))
    assert whole.dtype == np.float16
    assert whole.shape == (3, 36)
    assert (shard("b.npy", (1, 3)) == whole[1:]).all()
    assert (shard("a.npy", (0, 1), models_at_once=2) == whole[:1]).all()
    assert not (whole[0] == whole[1]).any()
    assert not (shard("c.npy", (0, 1), cutout=0) == whole[:1]).all()


def test_only_whole_batches_are_compiled_and_once(data, monkeypatch):
    made = []

    class Noted(Step):
        def __init__(self, recipe, image_shape, classes, batch, device):
            made.append((batch, recipe.compile))
            super().__init__(recipe, image_shape, classes, batch, device)

    monkeypatch.setattr(resnet_training, "Step", Noted)
    resnet_training.shared_step.cache_clear()
    trainer = resnet_training.Trainer(SETTINGS, "cpu")
    inputs, labels = trainer.prepare(data[0]), torch.from_numpy(data[1])
    for size in (8, 7, 6, 5, 9):
        trainer.train(inputs, labels, np.arange(size)[None], [np.random.default_rng(0)], epochs=1)
    resnet_training.shared_step.cache_clear()
    assert made == [(8, True), (7, False), (6, False), (5, False)]


def test_deployed_networks_learn_what_they_are_shown():
    # Two classes told apart by their brightness.
    rng = np.random.default_rng(1)
    labels = np.arange(40) % 2
    images = (rng.integers(0, 60, (40, 12, 12, 3)) + 150 * labels[:, None, None, None]).astype(np.uint8)
    training = {**TRAINING, "epochs": 4, "cutout": 0}
    deployed = engine.train_deployed(images, labels, np.arange(40), root=2, models=1, training=training)
    assert (deployed.predict(images) == labels).mean() > 0.9


def test_cutout_is_that_of_the_attack():
    settings = {
        "experiments": [{"experiment": 1, "attack": "dirty_label"}, {"experiment": 5, "attack": "clean_label"}],
        "training": {"network": "resnet9", "cutout": {"dirty_label": 4, "clean_label": 0}},
    }
    assert config.training_of(settings, 1) == {"network": "resnet9", "cutout": 4}
    assert config.training_of(settings, 5) == {"network": "resnet9", "cutout": 0}


def test_streamed_batches_train_the_same_model_as_resident_ones(data, tmp_path):
    pytest.importorskip("ffcv", reason="ffcv is not installed here: the loader 'tensor' does without it")
    from rethinking_backdoors.data import beton

    images, labels = data
    beton.write(tmp_path / "a.beton", images, labels)
    step = Step(RECIPE, (12, 12, 3), 4, 8, "cpu")
    rng = np.random.default_rng(4)
    subset = rng.permutation(36)[:20]
    orders = np.stack([rng.permutation(subset) for _ in range(2)])
    corners = resnet_training.draw_corners(rng, 3, (4, 8), (12, 12))

    def trained(stream):
        step.reset(np.random.default_rng(5))
        resnet_training.fit(step, RECIPE, stream, corners)
        return step.logits(torch.from_numpy(images))

    streamed = trained((torch.from_numpy(x), torch.from_numpy(y)) for x, y in beton.stream(tmp_path / "a.beton", orders, 8))
    rows = orders[:, :16].reshape(4, 8)
    resident = trained((torch.from_numpy(images[row]), torch.from_numpy(labels[row])) for row in rows)
    assert torch.equal(streamed, resident)
