"""How many trusted examples a scan needs, and how many sets of them: it looks at the truth, and no setting comes from here.

The trusted sets are scanned once for all suspicious ones.
"""

import math
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.detection.groups import Groups
from rethinking_backdoors.detection.trusted import distance
from rethinking_backdoors.scan import scanning, sets, timing
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.studies.scanned import UNITS, Row, strange

# Trusted examples of each label, and trusted sets.
POOLS, COUNTS = (80, 40, 20), (5, 3)


def trusted(suspicious: dict[str, tuple[Labelled, int | None]], pool: Labelled, root: int) -> Iterator[Row]:
    """Whether sets stand out from trusted ones, drawn from smaller and smaller pools.

    Args:
        suspicious: sets of the same size, each with the label of the poison, or None where nobody attacked.
        pool: trusted examples, at least as many of each label as the largest of ``POOLS``.

    Rows hold the ``set``, ``pool`` (examples a label), ``references`` (sets), ``alarm``, ``right_label`` and ``z``, the distance.
    """
    seed = root % 2**31
    searched = {name: groups_of(data, seed) for name, (data, _) in suspicious.items()}
    first, _ = next(iter(suspicious.values()))
    for each in POOLS:
        small = smaller(pool, each)
        references = [groups_of(sets.drawn(first, small, seed, number), seed + 1 + number) for number in range(max(COUNTS))]
        for count in COUNTS:
            for name, (data, target) in suspicious.items():
                far = distance(searched[name], references[:count])
                label = data.labels[searched[name][0][far.cell[1]].members[0]]
                row = {"set": name, "pool": each, "references": count, "alarm": 100.0 * far.above}
                row |= {"right_label": 100.0 * (far.above and label == target)} if target is not None else {}
                yield row | {"z": float(far.z[far.cell])}


def unattacked(data: Labelled, root: int) -> dict[str, tuple[Labelled, int | None]]:
    """Sets that nobody attacked: the data, mislabelled in part, and with a natural subgroup that no trusted set has."""
    made = strange(data, generator(root, "strange sets"))
    odd = ("one label in twenty at random", "a natural subgroup")
    return {"nobody attacked": (data, None), **{name: (made[name], None) for name in odd}}


def smaller(pool: Labelled, each: int) -> Labelled:
    """The first so many examples of each label."""
    index = np.concatenate([np.flatnonzero(pool.labels == label)[:each] for label in np.unique(pool.labels)])
    return Labelled(pool.values[index], pool.labels[index], pool.classes)


def groups_of(data: Labelled, seed: int) -> list[list[Groups]]:
    """The strongest groups of every label of one set, at every subset fraction."""
    with tempfile.TemporaryDirectory() as folder:
        made = sets.make(data, Path(folder), model="auto", trainer=None, trust=None, seed=seed)
        plan = replace(timing.plan(made, math.inf, 1), looks=[UNITS])
        clock = scanning.Clock(Path(folder), "", math.inf)
        scanning.train(made, plan, UNITS, clock, 1)
        return scanning.groups_of(made, plan, UNITS, 0)
