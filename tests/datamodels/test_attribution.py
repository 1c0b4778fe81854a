import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from rethinking_backdoors.datamodels.attribution import trak


def network():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 16, bias=False), torch.nn.ReLU(), torch.nn.Linear(16, 10))


@pytest.fixture(scope="module")
def trained():
    """120 digits, two of which are one image twice, and two networks trained on halves of them."""
    torch.manual_seed(0)
    images, labels = (torch.from_numpy(array[:120]) for array in load_digits(return_X_y=True))
    images = images.float().view(-1, 1, 8, 8) / 16
    images[1], labels[1] = images[0], labels[0]
    networks = []
    for _ in range(2):
        model, half = network(), torch.randperm(120)[:60]
        optimizer = torch.optim.SGD(model.parameters(), 0.5, momentum=0.9)
        for _ in range(40):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images[half]), labels[half]).backward()
            optimizer.step()
        networks.append(model)
    return networks, images, labels


def test_rows_are_training_examples_and_like_images_help_each_other(trained, capfd):
    pytest.importorskip("trak", reason="traker is not installed")
    networks, images, labels = trained
    before = [model.state_dict()["1.weight"].clone() for model in networks]
    # A row is scaled by how badly its example is fitted, a column is not: a mislabelled example has a large row.
    wrong = labels.clone()
    wrong[7] = (labels[7] + 1) % 10
    weights = trak(networks, images, wrong, dimensions=32)
    assert weights.shape == (120, 120)
    assert weights.dtype == np.float32
    size = np.abs(weights)
    assert size.mean(1)[7] > 3 * size.mean()
    assert size.mean(1)[7] > 2 * size.mean(0)[7]
    same = labels[:, None].numpy() == labels.numpy()
    assert weights[same].mean() > weights[~same].mean() + 0.1 * weights.std()
    # The image that is there twice has one row and one column.
    assert np.allclose(weights[0], weights[1], atol=1e-4)
    assert np.allclose(weights[:, 0], weights[:, 1], atol=1e-4)
    assert all((model.state_dict()["1.weight"] == old).all() for model, old in zip(networks, before, strict=True))
    assert capfd.readouterr().err == ""


def test_what_it_needs_is_said(trained, monkeypatch):
    _, images, labels = trained
    monkeypatch.setitem(sys.modules, "trak", None)
    with pytest.raises(ValueError, match=r"pip install traker==0\.3\.2"):
        trak([network()], images, labels)


def test_bad_input_is_refused(trained):
    pytest.importorskip("trak", reason="traker is not installed")
    networks, images, labels = trained
    with pytest.raises(ValueError, match="at least one"):
        trak([], images, labels)
    with pytest.raises(ValueError, match="fewer than the 120"):
        trak(networks, images, labels, dimensions=120)
