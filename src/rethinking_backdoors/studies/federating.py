"""Clients as examples: which members of a federation poison it? The same datamodels and the same search find clients.

A network is trained by federated averaging over a random half of the clients, very many times. What an example is elsewhere is
a client here: its margin is the mean margin of its images, and W says which clients move which. Nothing in ``datamodels`` or
``detection`` knows the difference.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rethinking_backdoors.datamodels import Margins, difference_in_means
from rethinking_backdoors.defenses.spectral_signatures import scores as spectral
from rethinking_backdoors.detection.control import cross_fitted
from rethinking_backdoors.detection.scores import detect, ranking
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.evaluation.metrics import auroc
from rethinking_backdoors.evaluation.retraining import outcome
from rethinking_backdoors.margins.arrays import moments
from rethinking_backdoors.margins.subsets import masks, subset
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.studies.setting import Row
from rethinking_backdoors.training.federated import Federation, train
from rethinking_backdoors.training.mlp import Models
from rethinking_backdoors.training.registry import trainer

CLIENTS, FEDERATIONS, AT_ONCE = 100, 1000, 16
# The share of a poisoning client's images that are poisoned; outcomes are means of so many networks.
POISONED, DEPLOYED = 0.6, 16
SIZES = {"paper": [2, 4, 8, 16, 32], "refined": [2, 3, 4, 6, 8, 11, 16, 23, 32]}


@dataclass(frozen=True)
class World:
    """Federations of one poisoned set: inputs (n, d), labels (n,), images of the clients (C, s), recipe, root seed."""

    inputs: torch.Tensor
    labels: torch.Tensor
    clients: np.ndarray
    recipe: Federation
    root: int

    def margins(self) -> np.ndarray:
        """Every client's mean margin in every federation of a half of them, (m, C) float16."""
        made = []
        for start in range(0, FEDERATIONS, AT_ONCE):
            block = range(start, min(start + AT_ONCE, FEDERATIONS))
            taking = np.stack([subset(self.root, 0.5, index, CLIENTS) for index in block])
            models = self._train(taking, [generator(self.root, "federation", index) for index in block])
            made.append(models.margins(self.inputs, self.labels).numpy()[:, self.clients].mean(2))
        return np.concatenate(made).astype(np.float16)

    def whole(self, kept: np.ndarray, count: int, moved: torch.Tensor | None = None) -> Models:
        """So many networks of all kept clients together; ``moved``: see ``federated.train``."""
        streams = [generator(self.root, "federation", "whole", index) for index in range(count)]
        return self._train(np.tile(kept, (count, 1)), streams, moved)

    def _train(self, taking: np.ndarray, streams: list[np.random.Generator], moved: torch.Tensor | None = None) -> Models:
        return train(self.inputs, self.labels, self.clients, taking, streams, self.recipe, moved)


def shared_out(poisoned: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Images of the clients (C, s) int64, at random but all poison with few of them, and which these are (C,) bool.

    Raises:
        InputError: there are fewer images than clients, or more poison than they can hold.
    """
    size = len(poisoned) // CLIENTS
    each = max(1, int(POISONED * size))
    if not size or poisoned.sum() > each * CLIENTS:
        raise InputError(f"{CLIENTS} clients need as many images, at most {POISONED:.0%} of them poisoned.")
    poison, clean = (rng.permutation(np.flatnonzero(poisoned == kind)) for kind in (True, False))
    counts = np.zeros(CLIENTS, dtype=np.int64)
    bad = -(-len(poison) // each)
    counts[:bad] = np.diff(np.append(np.arange(0, len(poison), each), len(poison)))
    ends, rest = np.cumsum(counts), np.cumsum(size - counts)
    parts = [
        np.concatenate([poison[ends[c] - counts[c] : ends[c]], clean[rest[c] - size + counts[c] : rest[c]]])
        for c in range(CLIENTS)
    ]
    order = rng.permutation(CLIENTS)
    return np.stack(parts)[order], (np.arange(CLIENTS) < bad)[order]


def found_clients(
    images: tuple[np.ndarray, np.ndarray],
    poisoned: np.ndarray,
    test: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    attack: dict[str, Any],
    training: dict[str, Any],
    detectors: dict[str, dict[str, Any]],
    removed: float,
    root: int,
) -> Iterator[Row]:
    """Rows by ``detector``: AUROC of the poisoning clients, how many removal leaves, and networks without the removed.

    ``judged``: on the models that sets were found on, on others, and there with the masks permuted (see ``cross_fitted``).

    Args:
        images: what networks take of the poisoned set (n, ...), and its labels (n,). poisoned: (n,) bool.
        test: the same of clean and of triggered test images, and their true labels (N,).
        training: the configuration's section; its network has to be "mlp". detectors: with sizes of their own, see ``SIZES``.
        removed: the share of the clients that is removed.

    Raises:
        InputError: the network is another one.
    """
    if training["network"] != "mlp":
        raise InputError("Federations are of networks of the kind mlp.")
    prepare, recipe = trainer(training, "cpu").prepare, Federation(training["hidden"])
    clients, bad = shared_out(poisoned, generator(root, "clients"))
    world = World(prepare(images[0]), torch.from_numpy(images[1]), clients, recipe, root)
    shown = prepare(test[0]), prepare(test[1]), test[2]
    drawn, margins = masks(root, 0.5, range(FEDERATIONS), CLIENTS), world.margins()
    everyone = np.arange(CLIENTS)
    classes = int(images[1].max()) + 1
    moved = torch.zeros(1, CLIENTS, recipe.hidden * (world.inputs.shape[1] + classes))
    world.whole(everyone, 1, moved)
    settings = {name: given | {"sizes": SIZES[name]} for name, given in detectors.items() if name in SIZES}
    scores = {"margin_sd": moments(Margins([margins]))[1], "spectral": spectral(moved[0].numpy(), "paper")}
    scores["length"] = moved[0].norm(dim=1).numpy()
    scores |= {name: detect(difference_in_means(drawn, margins), line, root)["score"] for name, line in settings.items()}
    count = round(removed * CLIENTS)
    removals = {"none": everyone[:0], "random": generator(root, "removed at random").permutation(CLIENTS)[:count]}
    removals |= {"true": np.flatnonzero(bad)} | {name: ranking(score, seed=0)[:count] for name, score in scores.items()}
    for name, gone in removals.items():
        row: Row = {"detector": name, "judged": "same models", "poison_left": int(bad.sum() - bad[gone].sum())}
        if name in scores and bad.any():
            row["auroc"] = auroc(scores[name], bad)
        yield row | _outcome(world.whole(np.setdiff1d(everyone, gone), DEPLOYED), shown, attack)
    if bad.any():
        yield from _crossed(drawn, margins, settings, bad, root)


def _crossed(
    drawn: np.ndarray, margins: np.ndarray, settings: dict[str, dict[str, Any]], bad: np.ndarray, root: int
) -> Iterator[Row]:
    crossed = cross_fitted(drawn, margins, difference_in_means, settings, 1, root)
    for name in settings:
        for judged, either in (("other models", crossed[name]["score"]), ("permuted", crossed[name]["permuted"][0])):
            yield {"detector": name, "judged": judged, "auroc": float(np.mean([auroc(score, bad) for score in either]))}


def _outcome(models: Models, test: tuple[torch.Tensor, torch.Tensor, np.ndarray], attack: dict[str, Any]) -> Row:
    said = [models.logits(part).argmax(1).numpy() for part in test[:2]]
    measured = outcome(said[0], said[1], test[2], attack)
    return {name: measured[name] for name in ("asr", "clean_accuracy")}
