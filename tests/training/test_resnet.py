import numpy as np
import pytest
import torch

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.training import networks, resnet


def test_the_number_of_parameters_is_that_of_the_layers():
    convolutions = [3 * 64 * 9, 64 * 128 * 25, 128 * 128 * 9, 128 * 128 * 9, 128 * 256 * 9, 256 * 256 * 9, 256 * 256 * 9]
    convolutions += [256 * 128 * 9]
    normalisations = 2 * (64 + 128 + 128 + 128 + 256 + 256 + 256 + 128)
    expected = sum(convolutions) + normalisations + 128 * 10
    assert expected == 2_274_880
    assert sum(parameter.numel() for parameter in resnet.ResNet9(10).parameters()) == expected


def test_the_layers_have_the_sizes_of_the_recipe():
    x, sizes = torch.zeros(2, 3, 32, 32), []
    network = resnet.ResNet9(10).eval()
    for layer in network.layers:
        x = layer(x)
        sizes.append(tuple(x.shape[1:]))
    first, second, third = (64, 32, 32), (128, 16, 16), (256, 8, 8)
    assert sizes == [first, second, second, (256, 16, 16), third, third, (128, 6, 6)]
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_logits_are_a_fifth_of_the_linear_layer_on_the_largest_values():
    network = resnet.ResNet9(4).eval()
    x = torch.rand(2, 3, 32, 32)
    pixels = (255 * x - torch.tensor([125.307, 122.961, 113.8575]).view(3, 1, 1)) / torch.tensor([51.5865, 50.847, 51.255]).view(
        3, 1, 1
    )
    largest = network.layers(pixels).flatten(2).max(2).values
    assert torch.allclose(network(x), 0.2 * largest @ network.linear.weight.T, atol=1e-5)


def test_a_residual_adds_its_input():
    block = resnet.Residual(8).eval()
    with torch.no_grad():
        block.inner[1][1].weight.zero_()
        x = torch.randn(1, 8, 5, 5)
        assert torch.equal(block(x), x)


def test_build_depends_on_the_stream_alone_and_survives_a_file():
    settings, shape = {"network": "resnet9"}, (16, 16, 3)
    built = [networks.build(settings, shape, 5, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    x = torch.rand(3, 3, 16, 16)
    a, b, c = (network.eval()(x) for network in built)
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    stored = networks.weights(built[0])
    assert torch.equal(networks.restore(settings, shape, 5, stored).eval()(x), a)
    assert {"mean", "sd"}.isdisjoint(stored)


def test_initial_weights_fill_the_interval_of_torch_s_default():
    values = resnet.draw(resnet.ResNet9(10), np.random.default_rng(0))
    second = values[3]  # 64 -> 128, 5 x 5: 1600 inputs a unit
    assert second.shape == (128, 64, 5, 5)
    assert abs(second.max() - 1 / 40) < 1e-5
    assert abs(second.min() + 1 / 40) < 1e-5
    assert abs(second.std() - 1 / 40 / 3**0.5) < 1e-4


@pytest.mark.parametrize("shape", [(8, 8, 3), (32, 32, 1)])
def test_images_that_do_not_fit_are_refused(shape):
    with pytest.raises(InputError, match="12 x 12"):
        networks.build({"network": "resnet9"}, shape, 10, np.random.default_rng(0))
