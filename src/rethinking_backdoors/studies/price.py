"""What detection costs: subset fraction against models at equal cost, and how many models are needed as a data set grows.

Both look at the truth; the scan's settings do not come from here.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.datamodels import DifferenceInMeans
from rethinking_backdoors.detection.groups import judge, permuted_deviation
from rethinking_backdoors.detection.labels import compare
from rethinking_backdoors.evaluation.metrics import auroc
from rethinking_backdoors.margins.arrays import Margins, Masks, masks_of
from rethinking_backdoors.scan import models, sets
from rethinking_backdoors.scan.plan import models_of
from rethinking_backdoors.studies.scanned import Row

# Subset fractions, and units of models at each: a unit costs what a model on half of the data does. With fewer, some example is
# in no subset of either half of the models.
FRACTIONS, UNITS = (0.5, 0.2, 0.1, 0.05, 0.02), (125, 250, 500, 1000)
# Models that the signal of the poison is measured with, and examples of a subset of fixed size.
MEASURED_ON, FIXED = 400, 500
# How far a planted group has to lie above the noise of the models.
CLEAR = 6.0


@dataclass(frozen=True)
class Trained:
    """Models of one poisoned set at any fraction, as a scan trains them.

    Attributes:
        made: the set and its training. target: the label that the poison has.
    """

    made: sets.Sets
    target: int

    @classmethod
    def of(cls, data: Labelled, poison: np.ndarray, folder: str, root: int) -> "Trained":
        """In a folder for what is trained."""
        made = sets.make(data, Path(folder), model="auto", trainer=None, trust=None, seed=root % 2**31)
        return cls(made, int(np.bincount(data.labels[poison]).argmax()))

    def read(self, fraction: float, count: int, shard: int) -> tuple[Masks, Margins]:
        """Masks (m, n) and margins (m, n) of ``count`` models, a multiple of ``shard``, at one subset fraction."""
        for _ in models.train(self.made.works[0], [(fraction, count)], 1, lambda _: shard):
            pass
        masks, rows = models.read(self.made.works[0], fraction, count)
        return masks, Margins(rows)

    def models_of(self, units: int, fraction: float) -> int:
        """How many models so many units are."""
        training = self.made.works[0].training
        assert training is not None
        return models_of(units, fraction, training["epochs"])


def grid(data: Labelled, poison: np.ndarray, root: int) -> Iterator[Row]:
    """The scan with one fraction alone, for every fraction and number of models.

    Rows hold ``fraction``, ``units``, and of the label of the poison: whether it stands out most (``right_label``), the AUROC of
    the gains within it, and how much poison is left after removing as many as there are.
    """
    with tempfile.TemporaryDirectory() as folder:
        trained = Trained.of(data, poison, folder, root)
        place = [int(data.labels[members[0]]) for members in trained.made.blocks()].index(trained.target)
        for fraction in FRACTIONS:
            shard = trained.models_of(UNITS[0], fraction)
            for units in UNITS:
                opened = trained.read(fraction, shard * units // UNITS[0], shard)
                found = [trained.made.search(*opened, members) for members in trained.made.blocks()]
                compared = compare([found], trained.made.settings)
                group, (_, size) = found[place], compared.cells[place]
                poisoned, gain = np.isin(group.members, poison), group.gain[size]
                top = np.argsort(-gain, kind="stable")[: poisoned.sum()]
                row = {"fraction": fraction, "units": units, "right_label": 100.0 * (compared.p.argmin() == place)}
                row |= {"auroc_within_target": auroc(gain, poisoned)}
                yield row | {"poison_left": int(poisoned.sum() - poisoned[top].sum())}


def growth(poisoned: Callable[[int], tuple[Labelled, np.ndarray]], sizes: list[int], root: int) -> Iterator[Row]:
    """How many models the poison needs to lie six standard deviations of noise above its label, as the set grows.

    The signal is F of the true poison on ``MEASURED_ON`` models, and grows with the square root of their number.

    Args:
        poisoned: makes a set of so many examples with a fixed share of poison, and says which (p,) they are.

    Rows hold ``examples``, ``subsets`` ("half" or a number of examples), ``models_needed``, and ``price_needed``: the
    thousands of half-data models of the smallest set that they cost.
    """
    for n in sizes:
        data, poison = poisoned(n)
        with tempfile.TemporaryDirectory() as folder:
            trained = Trained.of(data, poison, folder, root)
            for subsets, fraction in (("half", 0.5), (str(FIXED), FIXED / n)):
                masks, margins = trained.read(fraction, MEASURED_ON, MEASURED_ON // 4)
                members = np.flatnonzero(data.labels == trained.target)
                group, inside, block = np.isin(members, poison), masks_of(masks, members), margins.of(members)
                weights = DifferenceInMeans("group").fit(inside, block).coef_
                np.fill_diagonal(weights, 0)
                strength = judge(weights, group[None])[0][0]
                distance = max(strength, 1e-9) / permuted_deviation(inside, block.astype(np.float64), group)
                needed = MEASURED_ON * (CLEAR / distance) ** 2
                price = needed / (trained.models_of(1000, fraction) / 1000) * n / sizes[0] / 1000
                yield {"examples": n, "subsets": subsets, "models_needed": needed, "price_needed": price}
