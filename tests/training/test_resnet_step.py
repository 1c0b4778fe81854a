"""What a GPU is given, as far as a processor can show it: the graph that is compiled, its layout, and how often it may be."""

import numpy as np
import pytest
import torch
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.aot_autograd import make_boxed_func
from torch.nn import functional

from rethinking_backdoors.config import load
from rethinking_backdoors.training import resnet, resnet_step
from rethinking_backdoors.training.interface import PERFORMANCE
from rethinking_backdoors.training.resnet_step import Recipe, Step, _compile

SETTINGS = {key: value for key, value in load("config/cifar10.yaml")["training"].items() if key != "network"}
RECIPE = Recipe(**{**SETTINGS, "cutout": 4})


def test_three_colours_filled_up_with_zeros_give_the_same_convolution():
    layer = resnet.ResNet9(10).layers[0][0]
    x = torch.randn(3, 3, 9, 9, requires_grad=True)
    plain, filled = layer(x), resnet.filled_up(x, layer.weight, layer.padding)
    assert torch.allclose(plain, filled, atol=1e-5)
    for a, b in zip(*(torch.autograd.grad(y.square().sum(), (x, layer.weight)) for y in (plain, filled)), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-3)


def test_logits_are_not_rounded_to_half_precision():
    network = resnet.ResNet9(10, mixed=True)
    logits = network(torch.rand(8, 3, 16, 16))
    assert logits.dtype == torch.float32
    assert not torch.equal(logits, logits.bfloat16().float())
    hidden = network.representations(torch.randn(8, 3, 16, 16))
    assert torch.equal(hidden, hidden.bfloat16().float())


@pytest.fixture
def traced(monkeypatch):
    """The graphs, forward and backward, of a step as a GPU would get it: in bfloat16, with the colours filled up."""
    monkeypatch.setattr(resnet.FirstConvolution, "forward", lambda self, x: resnet.filled_up(x, self.weight, self.padding))
    step, graphs = Step(RECIPE, (16, 16, 3), 10, 4, "cpu"), []
    step.network.mixed = True

    def note(graph, inputs):
        graphs.append(graph.graph)
        return make_boxed_func(graph.forward)

    torch._dynamo.reset()
    # fullgraph: it fails where the graph would break.
    compiled = torch.compile(step.loss, backend=aot_autograd(fw_compiler=note), fullgraph=True, dynamic=False)
    loss = compiled(step.images, step.labels, step.corners, step.side)
    gradients = torch.autograd.grad(loss, step.parameters)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    return graphs


def test_the_step_is_one_graph_and_every_convolution_sees_channels_last_in_half_precision(traced):
    forward, backward = traced
    found = []
    for graph in (forward, backward):
        for node in graph.nodes:
            if node.op == "call_function" and "convolution" in str(node.target):
                found += [argument.meta["val"] for argument in node.args[:3] if hasattr(argument, "meta")]
    assert len(found) == 8 * 2 + 8 * 3
    for value in found:
        assert value.is_contiguous(memory_format=torch.channels_last), (value.shape, value.stride())
        assert value.dtype == torch.bfloat16
        assert value.shape[1] % 8 == 0


def test_more_steps_than_torch_s_limit_can_be_compiled(monkeypatch):
    real, asked = torch.compile, []

    def eager(function, **options):
        asked.append(options.pop("options"))
        return real(function, backend="eager", **options)

    class Scaled:
        def __init__(self, factor):
            self.factor = factor

        def times(self, x):
            return x * self.factor

    monkeypatch.setattr(torch, "compile", eager)
    for factor in range(12):
        assert _compile(Scaled(factor).times)(torch.ones(factor + 1)).tolist() == [factor] * (factor + 1)
    assert all(options["layout_optimization"] is False for options in asked)


def test_recipes_that_differ_in_what_a_batch_brings_share_a_step():
    from rethinking_backdoors.training.resnet_training import shared_step, step_of

    shared_step.cache_clear()
    small = Recipe(**{**SETTINGS, "cutout": 0, "batch_size": 4, "epochs": 2})
    other = Recipe(**{**SETTINGS, "cutout": 4, "batch_size": 4, "peak_lr": 1.0, "models_at_once": 3})
    sizes = ((16, 16, 3), 10, 4, "cpu")
    assert step_of(small, *sizes) is step_of(other, *sizes)
    shared_step.cache_clear()


def test_no_cutout_changes_nothing():
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(resnet_step.cut_out(images, torch.zeros(2, 2), torch.tensor(0)), images)


def test_what_only_changes_the_time_is_named():
    assert set(PERFORMANCE) < {*SETTINGS}


def test_the_first_step_of_the_plain_modules_is_that_of_the_filled_ones(monkeypatch):
    """One step with the colours filled up moves the weights as one without."""
    found = []
    for forward in (None, lambda self, x: resnet.filled_up(x, self.weight, self.padding)):
        if forward:
            monkeypatch.setattr(resnet.FirstConvolution, "forward", forward)
        step = Step(RECIPE, (16, 16, 3), 10, 4, "cpu")
        step.reset(np.random.default_rng(0))
        step.images.copy_(torch.from_numpy(np.random.default_rng(1).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)))
        step.rate.fill_(0.1)
        step.advance()
        found.append(torch.cat([parameter.flatten() for parameter in step.parameters]).detach())
    assert functional.mse_loss(*found) < 1e-10
