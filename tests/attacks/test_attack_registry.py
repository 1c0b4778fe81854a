import copy
from pathlib import Path

import numpy as np
import pytest

from rethinking_backdoors.attacks import registry
from rethinking_backdoors.attacks.poisoning import poison
from rethinking_backdoors.attacks.triggers import stamp_test
from rethinking_backdoors.config import load
from rethinking_backdoors.errors import InputError

DIGITS = load(Path(__file__).parents[2] / "config" / "digits.yaml")
PIXEL = [[{"rows": [0, 0], "columns": [0, 0], "color": [255]}]]


def changed(**values):
    config = copy.deepcopy(DIGITS)
    config["experiments"][0] |= values
    return config


def test_the_papers_attacks_are_there_and_two_need_an_adversary():
    registry.check(DIGITS)
    needing = {line["experiment"] for line in DIGITS["experiments"] if registry.needs_adversary(line["attack"])}
    assert needing == {5, 6}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (changed(attack="dirty"), "wrong at experiment 0: There is no attack 'dirty'"),
        (changed(attack="triggers"), "no attack 'triggers'"),  # a module, but none of an attack
        (changed(settings={"opacity": 1}), "The settings of the attack none are wrong"),
        (
            {key: value for key, value in DIGITS.items() if key != "adversary"},
            "experiment 5: its attack needs a section 'adversary'",
        ),
    ],
)
def test_what_is_not_there_is_named(config, says):
    with pytest.raises(InputError, match=says):
        registry.check(config)


def test_a_deployed_network_is_shown_every_variant():
    images = np.zeros((3, 4, 4, 1), dtype=np.uint8)
    assert (registry.triggered(images, PIXEL, "dirty_label") == stamp_test(images, PIXEL)).all()


def test_poison_of_an_attack_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="no attack 'mine'"):
        poison(
            np.zeros((3, 4, 4, 1), dtype=np.uint8),
            np.arange(3),
            attack="mine",
            trigger=PIXEL,
            target_class=0,
            count=1,
            rng=np.random.default_rng(0),
        )
