"""One seed's training sets made from a configuration alone, with the workflow's seeds: for those who run no workflow."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from rethinking_backdoors.attacks import adversarial
from rethinking_backdoors.attacks.poisoning import Poison, poison
from rethinking_backdoors.attacks.registry import needs_adversary
from rethinking_backdoors.config import adversary_network, attack_of
from rethinking_backdoors.data import open_source
from rethinking_backdoors.seeds import generator, root
from rethinking_backdoors.training import features, networks


def images_of(config: dict[str, Any], seed: int) -> dict[str, np.ndarray]:
    """The images of one seed, ``train_image`` (n, H, W, C) uint8, ``train_label`` (n,) and so on, as the rule ``images`` does."""
    draw, _ = open_source(config["images"])
    return draw(generator(root(config["dataset"], 0, seed), "images"))


def extractor_of(config: dict[str, Any], seed: int, spare: np.ndarray) -> features.Extractor | None:
    """The features of one seed, fitted on its spare images (N, H, W, C) as the rule ``features`` does, if it has any."""
    if "features" not in config:
        return None
    settings = features.FeatureSettings(**config["features"])
    return features.Extractor(features.fit(spare, settings, generator(root(config["dataset"], 0, seed), "features")), settings)


def adversary_of(
    config: dict[str, Any],
    seed: int,
    images: np.ndarray,
    labels: np.ndarray,
    extractor: features.Extractor | None,
    device: str,
) -> torch.nn.Module:
    """The adversarially trained network of one seed, as the rule ``adversary`` makes it."""
    rng = generator(root(config["dataset"], 0, seed), "adversary")
    network = networks.build(adversary_network(config), images.shape[1:], int(labels.max()) + 1, rng, extractor)
    return adversarial.train_robust(network, images, labels, **config["adversary"]["training"], rng=rng, device=device)


def poison_of(
    config: dict[str, Any],
    number: int,
    seed: int,
    images: np.ndarray,
    labels: np.ndarray,
    adversary: Callable[[], torch.nn.Module],
    device: str,
) -> Poison:
    """The poisoned examples of one experiment and seed, as the rule ``poison`` makes them.

    Args:
        images: (n, H, W, C) uint8, the clean training images. labels: (n,) int64.
        adversary: makes the network of ``adversary_of``; called by the adversarial attack only.
    """
    attack, perturb = attack_of(config, number), None
    if needs_adversary(attack["attack"]):
        perturb = partial(adversarial.perturb, network=adversary(), device=device, **config["adversary"]["attack"])
    rng = generator(root(config["dataset"], number, seed), "poison")
    return poison(images, labels, **attack, rng=rng, perturb=perturb)
