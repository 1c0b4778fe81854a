"""The attack that an experiment of the configuration names. A new attack is a module here and a line there.

Such a module has three names: ``Settings``, a dataclass of what an experiment can choose (its key ``settings``);
``eligible(labels, target_class, settings)``, which examples it may poison, (n,) bool; and
``make(images, labels, trigger, settings, rng, perturb)``, the poisoned images (p, H, W, C) of those that were drawn and the
variant of the trigger (p,) that each carries. It may lack ``make`` if it has ``triggered``, which is then done in training too.
What differs from a plain attack with rectangles it says itself:

- ``NEEDS_ADVERSARY``: whether it works against an adversarially trained network.
- ``learn(images, labels, target_class, settings, network, rng)``: what it shows in place of rectangles, (H, W, C) float64, from
  the clean training set and that network; its other functions then get this as ``trigger``.
- ``craft(images, labels, index, trigger, target_class, settings, network, rng)``: in place of ``make``, where poisoned images
  depend on others: the images (p, H, W, C) uint8 at ``index`` (p,) of the clean training set.
- ``relabelled(labels, target_class, classes, settings, rng)``: the labels (p,) of the poisoned; else they are the target class.
- ``triggered(images, trigger, settings)``: what becomes of test images; else they get all rectangles.
- ``wanted(labels, target_class, settings)``: which class the attacker wants of each test image, (N,), -1 where the image does not
  count, ``ANY_OTHER`` where any wrong one will do; else the target class of all images of other classes.
- ``coverable(labels, target_class, settings)`` and ``cover(images, trigger, settings, rng)``: which examples may become covers,
  which look poisoned and keep their label, and what becomes of them; ``Settings`` then has ``covers``, how many for each poisoned
  image.
"""

import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from rethinking_backdoors import attacks, methods
from rethinking_backdoors.attacks.triggers import Trigger, stamp_test
from rethinking_backdoors.config.sense import CLASSES
from rethinking_backdoors.errors import InputError

# The largest class of digits is 2 % larger than the mean.
_UNEVEN = 1.05
# Wanted of a test image: any class but its own, of images that are recognised without the trigger.
ANY_OTHER = -2


def module(attack: str) -> ModuleType:
    """The module of one attack.

    Raises:
        InputError: there is none.
    """
    return methods.find(attacks, attack, "eligible")


def needs_adversary(attack: str) -> bool:
    """Whether the attack perturbs its images against an adversarially trained network."""
    return getattr(module(attack), "NEEDS_ADVERSARY", False)


def check(config: Mapping[str, Any]) -> None:
    """Raises InputError, which names the experiment, unless there is the attack of every one, with these settings."""
    for experiment in config["experiments"]:
        place = f"The configuration is wrong at experiment {experiment['experiment']}"
        try:
            chosen = methods.settings(module(experiment["attack"]), experiment.get("settings", {}))
        except InputError as error:
            raise InputError(f"{place}: {error}") from None
        if needs_adversary(experiment["attack"]) and "adversary" not in config:
            raise InputError(f"{place}: its attack needs a section 'adversary'.")
        target = experiment.get("target_class", config["target_class"])
        if experiment["poisoned"] > (most := _eligible(experiment["attack"], target, chosen, config["images"])):
            raise InputError(f"{place}: it cannot poison {experiment['poisoned']} examples; about {most} are eligible.")


def _eligible(attack: str, target_class: int, settings: Any, images: Mapping[str, Any]) -> int:
    """About how many examples an attack can poison; classes are about as frequent in the data sets that are known."""
    train, source = images["train"], images["source"]
    if source not in CLASSES:
        return train
    share = module(attack).eligible(np.arange(CLASSES[source]), target_class, settings).mean()
    return math.ceil(_UNEVEN * train * float(share))


def triggered(images: np.ndarray, trigger: Trigger, attack: str, settings: Mapping[str, Any] | None = None) -> np.ndarray:
    """What the attacker shows a deployed network: test images (N, H, W, C) uint8 with the trigger, in all its variants."""
    found = module(attack)
    if hasattr(found, "triggered"):
        return found.triggered(images, trigger, methods.settings(found, dict(settings or {})))
    return stamp_test(images, trigger)


def success(clean: np.ndarray, triggered: np.ndarray, labels: np.ndarray, attack: Mapping[str, Any]) -> float:
    """The attack success rate in percent (appendix E.4, and for other attacks than the paper's see ``wanted`` above).

    Args:
        clean, triggered: (models, N) predictions on test images without and with the trigger. labels: (N,), their true classes.
        attack: see ``config.attack_of``.
    """
    found, target = module(attack["attack"]), attack["target_class"]
    if hasattr(found, "wanted"):
        wanted = found.wanted(labels, target, methods.settings(found, dict(attack.get("settings") or {})))
    else:
        wanted = np.where(labels == target, -1, target)
    if (wanted == ANY_OTHER).any():
        hits = (triggered != labels)[clean == labels]
    else:
        hits = triggered[:, wanted >= 0] == wanted[wanted >= 0]
    return 100 * float(hits.mean()) if hits.size else float("nan")
