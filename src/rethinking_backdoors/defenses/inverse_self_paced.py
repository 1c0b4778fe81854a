"""Inverse Self-Paced Learning with boosting (Jin, Sun and Rinard 2021): sets that teach nothing to each other are told apart.

A weak learner is trained on a small part of the examples, keeps those it fits best, is trained on a part of these, and so on:
the set that is kept becomes one that generalises to itself. The next round does the same with what is left. All networks
together vote on every label, and from the examples on which they agree with it the set to keep grows by its own networks.
"""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.defenses.interface import Learner, Oracle, Removal, TrainingSet
from rethinking_backdoors.errors import InputError

ORACLE = ()


@dataclass(frozen=True)
class Settings:
    """Published values in brackets; epochs are passes over what a network is trained on.

    Attributes:
        bags: repetitions of the whole (3). rounds: weak learners of a bag (8). share: of all examples, for each of them (0.12).
        remaining: a bag ends when no more than this share of all examples is left (0.04).
        expansion: share of the kept examples that the next refit is trained on (0.25).
        momentum: of the running mean of each example's loss (0.9).
        warm_up: epochs of the first fit (8). refit: of those after it (4). core: of a new network on the finished set (40).
        growths: refits that grow the final set (20). growth: epochs of each (5).
        memory: of the running mean of whether the growing set's network is right on an example (0.8).
    """

    bags: int
    rounds: int
    share: float
    remaining: float
    expansion: float
    momentum: float
    warm_up: int
    refit: int
    core: int
    growths: int
    growth: int
    memory: float


def defend(examples: TrainingSet, settings: Settings, oracle: Oracle, rng: np.random.Generator) -> Removal:
    """Keeps what the growing set's networks have mostly been right on; the score is how much they were wrong."""
    learner, labels = examples.learner(examples.inputs, examples.labels), examples.labels
    predictions = np.stack([vote for _ in range(settings.bags) for vote in bag(learner, labels, settings, rng)])
    right = grow(learner, labels, agreed(predictions, labels, rng), settings, rng)
    return Removal(np.flatnonzero(right <= 0.5), 1 - right)


def bag(learner: Learner, labels: np.ndarray, settings: Settings, rng: np.random.Generator) -> list[np.ndarray]:
    """The predictions (n,) of the weak learners of one bag, each of which takes its examples away from those after it."""
    active, predictions = np.arange(len(labels)), []
    for _ in range(settings.rounds):
        if len(active) <= settings.remaining * len(labels):
            break
        core = core_set(learner, labels, active, settings, rng)
        predictions.append(learner.evaluate(learner.fit(core, rng, settings.core))[1])
        active = np.setdiff1d(active, core)
    return predictions


def core_set(
    learner: Learner, labels: np.ndarray, active: np.ndarray, settings: Settings, rng: np.random.Generator
) -> np.ndarray:
    """A subset of ``active`` (a,) that generalises to itself: ``share`` of all examples, or ``active`` itself if it has no more.

    The first fit sees half of all examples, or all that are left in later rounds; the share kept falls from three times the
    wanted one (or what there is) to it, and the last two refits keep it.
    """
    share = settings.share * len(labels) / len(active)
    if share >= 1:
        return active
    multiples = [max(1, min(3, int(1 / share)) - i) for i in range(2 + min(3, int(1 / share)))]
    chosen, network, running = active, None, np.zeros(len(active))
    if len(active) == len(labels):
        chosen = drawn(active, 0.5, rng)
    for number, multiple in enumerate(multiples):
        network = learner.fit(chosen, rng, settings.refit if number else settings.warm_up, start=network)
        loss = learner.evaluate(network)[0][active]
        running = settings.momentum * running + (1 - settings.momentum) * loss
        kept = active[trimmed(running, labels[active], min(1, multiple * share))]
        chosen = drawn(kept, settings.expansion, rng)
    return kept


def drawn(examples: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Each of the examples with probability ``share``, but at least one."""
    taken = examples[rng.random(len(examples)) < share]
    return taken if len(taken) else rng.choice(examples, 1)


def trimmed(loss: np.ndarray, labels: np.ndarray, share: float) -> np.ndarray:
    """(a,) bool: the ``share`` with the lowest losses (a,), and of every class an eighth of that share, so that none vanishes."""
    kept = lowest(loss, share)
    for label in np.unique(labels):
        own = labels == label
        kept[own] |= lowest(loss[own], share / 8)
    return kept


def lowest(loss: np.ndarray, share: float) -> np.ndarray:
    """(a,) bool: those of the losses (a,) that do not exceed their quantile ``share``; of equal ones the first come first."""
    kept = np.zeros(len(loss), dtype=bool)
    kept[np.argsort(loss, kind="stable")[: int(share * (len(loss) - 1) + 1e-9) + 1]] = True
    return kept


def agreed(predictions: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) bool: the label (n,) has most of the votes (networks, n), and more than one; ties are drawn."""
    votes = np.stack([(predictions == label).sum(0) for label in range(max(labels.max(), predictions.max()) + 1)])
    winner = (votes + rng.random(votes.shape)).argmax(0)
    return (winner == labels) & (votes.max(0) > 1)


def grow(learner: Learner, labels: np.ndarray, kept: np.ndarray, settings: Settings, rng: np.random.Generator) -> np.ndarray:
    """The running mean (n,) of whether a network is right that is trained on and on with what it was mostly right on.

    Args:
        kept: (n,) bool, what it begins with.

    Raises:
        InputError: nothing is left to train on, because no network learned anything.
    """
    network, right = None, np.full(len(labels), 0.5)
    for _ in range(settings.growths):
        if not kept.any():
            raise InputError("Inverse Self-Paced Learning kept nothing: its networks need more epochs.")
        network = learner.fit(np.flatnonzero(kept), rng, settings.growth, start=network)
        correct = learner.evaluate(network)[1] == labels
        right = settings.memory * right + (1 - settings.memory) * correct
        kept = right > 0.5
    return right
