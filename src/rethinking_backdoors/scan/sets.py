"""What is scanned: the data, and sets of the same size drawn from what is trusted, each with its networks' inputs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.detection import groups
from rethinking_backdoors.detection.labels import Settings, blocks
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import digest_arrays
from rethinking_backdoors.margins.arrays import Margins, Masks
from rethinking_backdoors.scan import inputs, models
from rethinking_backdoors.seeds import generator

# How many trusted sets are drawn, and how many examples of a label they need.
REFERENCES, _NEEDED = 5, 20
# The largest group that is looked for.
_LARGEST = 320


@dataclass(frozen=True)
class Sets:
    """The data first, then the trusted sets.

    Attributes:
        parts: examples and labels of each. works: how the models of each are trained. recipe: chosen on the data; None where the
            user trains. settings: of the comparison. seed: of the search.
    """

    parts: list[Labelled]
    works: list[models.Work]
    recipe: inputs.Recipe | None
    settings: Settings
    seed: int

    def blocks(self, number: int = 0) -> list[np.ndarray]:
        """What of a set is searched, by label or everything."""
        return blocks(self.parts[number].labels, self.settings, within=len(self.parts) > 1)

    def search(self, masks: Masks, margins: Margins, members: np.ndarray) -> groups.Groups:
        """The strongest groups of some examples of one label."""
        largest = np.bincount(self.parts[0].labels).max() // 2
        sizes = groups.half_octaves(self.settings.start, min(_LARGEST, largest))
        return groups.strongest(masks, margins, members, sizes, seed=self.seed)


def make(data: Labelled, folder: Path, *, model: str, trainer: str | None, trust: Labelled | None, seed: int) -> Sets:
    """Represents every set, chooses the training on the data, and writes what worker processes read.

    Raises:
        InputError: the trusted data lacks a label, or the model does not fit the data.
    """
    recipe, works = None, []
    parts = [data, *(drawn(data, trust, seed, number) for number in range(REFERENCES) if trust)]
    for number, part in enumerate(parts):
        place = folder / ("data" if not number else f"trusted{number}")
        # A set of its own needs subsets of its own: else sets that are nearly the same vary less than two data sets do.
        root = int(generator(seed, "scan", *([number] if number else [])).integers(2**62))
        fingerprint = digest_arrays(part.values, part.labels)
        if trainer is None:
            # What the features are fitted on is the same for all sets.
            x = inputs.represent(part, model, seed, fitted_on=data)
            recipe = recipe or inputs.choose(x, part.labels, root)
        work = models.Work(place, len(part.labels), root, fingerprint, recipe.training if recipe else None, trainer)
        if trainer is None:
            work.store(x, part.labels)
        works.append(work)
    return Sets(parts, works, recipe, Settings(), seed)


def drawn(data: Labelled, trust: Labelled, seed: int, number: int) -> Labelled:
    """A trusted set with as many examples of each label as the data; with replacement where a label has fewer.

    Smaller sets would not do: a group moves margins more where there are fewer examples (docs/scan.md).

    Raises:
        InputError: the examples are of another kind, or a label has too few.
    """
    if trust.values.shape[1:] != data.values.shape[1:]:
        raise InputError(f"the trusted examples have the shape {trust.values.shape[1:]}, the data's {data.values.shape[1:]}.")
    if trust.classes != data.classes:
        raise InputError(f"the trusted data has the labels {trust.classes}, the data {data.classes}: they have to be the same.")
    rng, chosen = generator(seed, "trusted", number), []
    for label, count in zip(*np.unique(data.labels, return_counts=True), strict=True):
        there = np.flatnonzero(trust.labels == label)
        if len(there) < min(count, _NEEDED):
            raise InputError(f"the trusted data has {len(there)} examples of the label {label}: at least {_NEEDED} are needed.")
        chosen.append(rng.permutation(there)[:count] if len(there) >= count else rng.choice(there, count))
    index = np.sort(np.concatenate(chosen))
    return Labelled(trust.values[index], trust.labels[index], data.classes)
