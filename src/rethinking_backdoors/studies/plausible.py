"""Figure 2: features that nobody planted. How far a plausible object and a piece of a natural image move predictions, and whether
detection flags the object (paper, section 2.1: without assumptions a trigger cannot be told from a feature)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from rethinking_backdoors.attacks import objects, patterns
from rethinking_backdoors.attacks.poisoning import poison
from rethinking_backdoors.detection.scores import ranking
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.evaluation.metrics import auroc
from rethinking_backdoors.evaluation.tables import COLUMNS, summarize
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.training.engine import Deployed, train_deployed

# Part of the figure, row and column of its table, value in percent.
Row = tuple[str, str, str, float]
Arrays = dict[str, np.ndarray]
SHOWN = 4  # test images a part


@dataclass(frozen=True)
class Scene:
    """One seed's images and the networks that are trained on them.

    Attributes:
        train, test: images (n, H, W, C) uint8 and labels (n,) int64.
        training: the section ``training`` as clean-label attacks use it. models: networks a number. root: the seed's streams.
        represent: maps images to what the networks take in their place, if anything: features (n, D) float32.
    """

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    training: dict[str, Any]
    models: int
    root: int
    device: str = "cpu"
    represent: Callable[[np.ndarray], np.ndarray] = lambda images: images

    @cached_property
    def inputs(self) -> np.ndarray:
        """What the networks take in place of the training images."""
        return self.represent(self.train[0])

    @cached_property
    def clean(self) -> np.ndarray:
        """What the networks take in place of the test images."""
        return self.represent(self.test[0])

    def networks(self, inputs: np.ndarray, root: int | None = None) -> Deployed:
        """Networks trained on all training examples, given what represents them, (n, ...)."""
        labels = self.train[1]
        settings = {"models": self.models, "training": self.training, "device": self.device}
        return train_deployed(inputs, labels, np.arange(len(labels)), root=self.root if root is None else root, **settings)


def measures(predicted: np.ndarray, labels: np.ndarray, target_class: int) -> dict[str, float]:
    """What predictions (models, N) of images with labels (N,) say, in percent: ``assigned``, the share of the images of the other
    classes that are assigned to the target class; ``accuracy``, over all images."""
    assigned = (predicted[:, labels != target_class] == target_class).mean()
    return {"assigned": 100 * float(assigned), "accuracy": 100 * float((predicted == labels).mean())}


def majority(predicted: np.ndarray) -> np.ndarray:
    """The class (N,) int64 that most of the networks (models, N) assign; of equally many the lowest."""
    return np.array([np.bincount(column).argmax() for column in predicted.T])


def shown(labels: np.ndarray, before: np.ndarray, target_class: int) -> np.ndarray:
    """Which test images a figure shows, (at most SHOWN,): the first of each of the first other classes that is rightly classified
    before anything is put on it. What happens to them afterwards plays no part."""
    right = np.flatnonzero((before == labels) & (labels != target_class))
    _, first = np.unique(labels[right], return_index=True)
    return np.sort(right[first])[:SHOWN]


def object_effect(scene: Scene, attack: dict[str, Any], counts: list[int]) -> tuple[list[Row], Arrays]:
    """Figure 2a: networks trained with an object on some images of its class, against the number of these images.

    Args:
        attack: of the experiment that detection looks at, see ``config.attack_of``; its ``count`` is one of ``counts``.

    Returns:
        The rows "object": row the count, column "assigned" and "accuracy" on test images with the object, "assigned_without" and
        "accuracy_without". And pictures: of training images of the class ``trained`` with the object; of test images ``before``
        and ``after`` with classes ``label``, ``predicted_before``, ``predicted_after`` by the networks of the experiment.
    """
    (images, labels), (test, truth), target = scene.train, scene.test, attack["target_class"]
    touched = objects.paste(test, attack["trigger"], generator(scene.root, "test objects"))
    triggered, rows, pictures = scene.represent(touched), [], {}
    for count in counts:
        settings: dict[str, Any] = {**attack, "count": count}
        made = poison(images, labels, **settings, rng=generator(scene.root, "poison"))
        changed = scene.inputs.copy()
        if count:
            changed[made.index] = scene.represent(made.image)
        networks = scene.networks(changed)
        without, with_it = networks.predict(scene.clean), networks.predict(triggered)
        for suffix, predicted in (("_without", without), ("", with_it)):
            measured = measures(predicted, truth, target)
            rows += [("object", str(count), name + suffix, value) for name, value in measured.items()]
        if count == attack["count"]:
            pictures = {"trained": made.image[:SHOWN], **_pictures(test, touched, truth, without, with_it, target)}
    return rows, pictures


def _pictures(
    test: np.ndarray, touched: np.ndarray, truth: np.ndarray, without: np.ndarray, with_it: np.ndarray, target: int
) -> Arrays:
    before, after = majority(without), majority(with_it)
    chosen = shown(truth, before, target)
    images = {"before": test[chosen], "after": touched[chosen], "label": truth[chosen]}
    return images | {"predicted_before": before[chosen], "predicted_after": after[chosen]}


def most_moving(
    scene: Scene, target_class: int, *, sizes: list[int], candidates: int, tried: int
) -> tuple[patterns.Pattern, float]:
    """The piece of a training image of a class that moves most training images of the other classes to it.

    Pieces are cut at random with the largest of ``sizes``; each is put on the same ``tried`` training images of other classes,
    and networks that take no other part assign classes. No test image is looked at.

    Returns:
        The pattern, and the share in percent that it moves.

    Raises:
        InputError: there are no training images of the class, or too few of the others.
    """
    rng = generator(scene.root, "natural pattern")
    images, labels = scene.train
    if not 0 < np.count_nonzero(labels == target_class) <= len(labels) - tried:
        raise InputError(f"figure2.natural: class {target_class} and {tried} images of others are not in the training images.")
    pieces = patterns.candidates(images[labels == target_class], max(sizes), candidates, rng)
    others = images[rng.choice(np.flatnonzero(labels != target_class), tried, replace=False)]
    pilots = scene.networks(scene.inputs, root=int(rng.integers(2**63)))
    moved = [(pilots.predict(scene.represent(patterns.paste(others, p, max(sizes)))) == target_class).mean() for p in pieces]
    best = int(np.argmax(moved))
    return pieces[best], 100 * float(moved[best])


def natural_effect(scene: Scene, target_class: int, **settings: Any) -> tuple[list[Row], Arrays]:
    """Figure 2b: nothing is changed in training; the pattern of ``most_moving`` is put on test images at each size.

    Args:
        settings: see ``most_moving``.

    Returns:
        The rows "natural": row "before", "size 3" and "control 3" (see ``patterns.exchange``; pieces of other test images of the
        other classes), column "assigned" and "accuracy". And pictures as of ``object_effect``, with ``piece`` for ``trained`` and
        an ``after`` and ``predicted_after`` for each size.
    """
    pattern, _ = most_moving(scene, target_class, **settings)
    (test, truth), networks = scene.test, scene.networks(scene.inputs)

    def predict(changed: np.ndarray) -> np.ndarray:
        return networks.predict(scene.represent(changed))

    before, rng = networks.predict(scene.clean), generator(scene.root, "control pieces")
    others = test[rng.choice(np.flatnonzero(truth != target_class), len(test))]
    predictions, pictures = {"before": before}, {}
    for side in settings["sizes"]:
        touched = patterns.paste(test, pattern, side)
        predictions[f"size {side}"] = after = predict(touched)
        predictions[f"control {side}"] = predict(patterns.exchange(test, others, pattern, side))
        made = _pictures(test, touched, truth, before, after, target_class)
        later = {f"{name}_{side}": made.pop(name) for name in ("after", "predicted_after")}
        pictures |= made | later
    found = [(row, *pair) for row, predicted in predictions.items() for pair in measures(predicted, truth, target_class).items()]
    return [("natural", *each) for each in found], {"piece": pattern.piece[None], **pictures}


def flagged(scores: dict[str, list[np.ndarray]], modified: np.ndarray, target: np.ndarray, removed: float) -> Iterator[Row]:
    """Does detection flag the modified images?

    Args:
        scores: for each row, a detector, its control, or the oracle (Lemma 1's estimate with the true indicator), scores (n,) of
            one or several runs, which are averaged over.
        modified: (n,) bool. target: (n,) bool, labelled as the class. removed: the share of all examples that is removed.

    Yields:
        The rows "detection", columns: ``auroc`` and ``auroc_within_class``; ``modified_caught``, the share of the modified images
        that are among the removed; ``removed_modified``, the share of the removed that are modified.
    """
    for row, runs in scores.items():
        taken = [ranking(score, seed=0)[: int(removed * len(score))] for score in runs]
        columns = {
            "auroc": [auroc(score, modified) for score in runs],
            "auroc_within_class": [auroc(score[target], modified[target]) for score in runs],
            "modified_caught": [100 * modified[first].sum() / modified.sum() for first in taken],
            "removed_modified": [100 * modified[first].mean() for first in taken],
        }
        yield from (("detection", row, column, float(np.mean(values))) for column, values in columns.items())


def frame(rows: list[Row], seed: int) -> pd.DataFrame:
    """Rows of one seed in the long form of ``tables.COLUMNS``: the part stands for the experiment."""
    return pd.DataFrame(
        [("figure2", part, row, column, seed, round(value, 4)) for part, row, column, value in rows], columns=COLUMNS
    )


def table(numbers: pd.DataFrame) -> pd.DataFrame:
    """The figure's table from the numbers of every seed: part, row, column, value (mean), low, high (95 %), seeds (how many)."""
    return summarize(numbers, "figure2").rename(columns={"experiment": "part"})
