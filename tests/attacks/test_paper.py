"""The attacks of config/cifar10.yaml are the paper's: triggers pixel by pixel, counts, and the adversarial step."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.nn import functional

from rethinking_backdoors.attacks.adversarial import perturb, to_unit
from rethinking_backdoors.attacks.poisoning import poison, poisoned_set
from rethinking_backdoors.attacks.triggers import stamp, stamp_test

CONFIG = yaml.safe_load(Path("config/cifar10.yaml").read_text())
# Row and column from the top left, red, green and blue: the paper's Figure 6, by hand.
SQUARE = {(row, column): (1, 0, 0) for row in (0, 1, 2) for column in (0, 1, 2)}
VARIANTS = {
    "one_pixel": [{(0, 0): (1, 0, 0)}],
    "three_way": [{(11, 16): (101, 0, 25)}, {(5, 27): (101, 123, 121)}, {(30, 7): (0, 36, 54)}],
    "square": [SQUARE],
}
# Attack, trigger, poisoned images and the rate that the paper prints.
TABLE1 = {
    1: ("dirty_label", "one_pixel", 750, 0.015),
    2: ("dirty_label", "one_pixel", 2500, 0.05),
    3: ("dirty_label", "three_way", 750, 0.015),
    4: ("dirty_label", "three_way", 2500, 0.05),
    5: ("clean_label_adversarial", "square", 75, 0.015),
    6: ("clean_label_adversarial", "square", 250, 0.05),
    7: ("clean_label", "square", 250, 0.05),
    8: ("clean_label", "square", 500, 0.1),
}
EXPERIMENTS = {experiment["experiment"]: experiment for experiment in CONFIG["experiments"]}


def painted(images, pixels):
    """The images with single pixels set, without the code under test."""
    images = images.copy()
    for (row, column), color in pixels.items():
        images[:, row, column] = color
    return images


@pytest.mark.parametrize("name", VARIANTS)
def test_the_triggers_are_the_papers_to_the_pixel(photographs, name):
    images, trigger = photographs[0][:200], CONFIG["triggers"][name]
    assert len(trigger) == len(VARIANTS[name])
    for variant, pixels in zip(trigger, VARIANTS[name], strict=True):
        assert (stamp(images, variant) == painted(images, pixels)).all()
    everything = {place: color for pixels in VARIANTS[name] for place, color in pixels.items()}
    assert (stamp_test(images, trigger) == painted(images, everything)).all()


@pytest.mark.parametrize("number", TABLE1)
def test_counts_rates_and_labels_are_table_1s(photographs, number):
    attack, trigger, count, rate = TABLE1[number]
    experiment, (images, labels) = EXPERIMENTS[number], photographs
    assert (experiment["attack"], experiment["trigger"], experiment["poisoned"]) == (attack, trigger, count)
    base = len(labels) if attack == "dirty_label" else (labels == CONFIG["target_class"]).sum()
    assert count / base == pytest.approx(rate)
    made = poison(
        images,
        labels,
        attack=attack,
        trigger=CONFIG["triggers"][trigger],
        target_class=CONFIG["target_class"],
        count=count,
        rng=np.random.default_rng(number),
        perturb=lambda images, labels: 255 - images,
    )
    assert len(set(made.index)) == count
    assert (labels[made.index] == made.true_label).all()
    assert ((made.true_label == 1) == (attack != "dirty_label")).all()
    before = 255 - images[made.index] if attack == "clean_label_adversarial" else images[made.index]
    for number, pixels in enumerate(VARIANTS[trigger]):
        carries = made.variant == number
        assert carries.sum() >= 0.8 * count / len(VARIANTS[trigger])
        assert (made.image[carries] == painted(before[carries], pixels)).all()
    after = poisoned_set(images, labels, made.arrays())[1]
    assert (after == 1).sum() == 5000 + (count if attack == "dirty_label" else 0)


def test_detection_and_removal_are_the_papers():
    assert [EXPERIMENTS[e]["alphas"] for e in range(1, 9)] == [[0.5], [0.5, 0.3], *[[0.5]] * 6]
    assert [EXPERIMENTS[e]["removed"] for e in range(1, 9)] == [0.1, 0.2, *[0.1] * 6]
    paper = CONFIG["detectors"]["paper"]
    assert paper["sizes"] == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120]
    assert (paper["restarts"], paper["starts"], paper["kept"], paper["self_influence"]) == (1000, "random", 1, True)
    ratios = np.divide(CONFIG["detectors"]["refined"]["sizes"][1:], CONFIG["detectors"]["refined"]["sizes"][:-1])
    assert np.abs(ratios / 2**0.5 - 1).max() < 0.02
    assert set(paper["sizes"]) < set(CONFIG["detectors"]["refined"]["sizes"])


@pytest.fixture(scope="module")
def network():
    """A small convolutional network with batch normalisation, in training mode as after its making."""
    torch.manual_seed(0)
    convolution = [torch.nn.Conv2d(3, 8, 5, stride=2), torch.nn.BatchNorm2d(8), torch.nn.ReLU()]
    return torch.nn.Sequential(*convolution, torch.nn.Flatten(), torch.nn.Linear(8 * 14 * 14, 10))


def test_the_adversarial_step_reaches_1200_and_no_more(photographs, network):
    images, labels = photographs
    step = partial(perturb, network=network, **CONFIG["adversary"]["attack"])
    made = poison(
        images,
        labels,
        attack="clean_label_adversarial",
        trigger=CONFIG["triggers"]["square"],
        target_class=1,
        count=6,
        rng=np.random.default_rng(0),
        perturb=step,
    )
    clean, truth = images[made.index], labels[made.index]
    hard = step(clean, truth)
    assert hard.dtype == np.uint8
    norm = np.sqrt(((hard.astype(float) - clean) ** 2).sum((1, 2, 3)))
    # Rounding moves each of the 3,072 values by at most one half, so a norm by at most half of its root.
    rounding = 0.5 * 3072**0.5
    assert (norm <= 1200 + rounding).all()
    assert (norm >= 1200 - rounding).all()
    network.eval()
    before, after = (
        functional.cross_entropy(network(to_unit(x)), torch.from_numpy(truth), reduction="none") for x in (clean, hard)
    )
    assert (after > before).all()
    # The trigger comes last; the label stays.
    assert (made.image == painted(hard, SQUARE)).all()
    assert (made.label == 1).all()
    assert (truth == 1).all()


def test_no_images_result_depends_on_the_others(photographs, network):
    images, labels = photographs[0][:4], photographs[1][:4]
    settings = {**CONFIG["adversary"]["attack"], "steps": 5}
    together = perturb(images, labels, network.train(), **settings)
    assert network.training
    alone = perturb(images[:1], labels[:1], network, **settings)
    # Batched products may round differently.
    assert np.abs(together[:1].astype(int) - alone).max() <= 1
