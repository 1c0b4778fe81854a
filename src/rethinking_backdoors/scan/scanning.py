"""The scan: plan, train, compare labels, and again with more models while that may decide."""

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rethinking_backdoors.data.labelled import Labelled, images_or_features
from rethinking_backdoors.detection import alarm
from rethinking_backdoors.detection.groups import Groups
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import digest, digest_arrays, read_json, write_json
from rethinking_backdoors.margins.arrays import Margins
from rethinking_backdoors.scan import models, sets, timing
from rethinking_backdoors.scan import plan as planning
from rethinking_backdoors.scan.result import Scan, result

# Outside of these a p-value needs no more models: an alarm is sure below the one, and hardly ever comes about above the other.
_CLEAR = (0.0005, 0.1)
Say = Callable[[str], object]


def scan(
    images: np.ndarray | Labelled,
    labels: np.ndarray | None = None,
    *,
    budget: str | float = "30m",
    out: str | Path | None = None,
    threads: int = 2,
    model: str = "auto",
    trainer: str | None = None,
    trust: Labelled | None = None,
    seed: int = 0,
    units: int | None = None,
    say: Say = lambda text: None,
) -> Scan:
    """Is there a planted feature in a data set?

    Args:
        images: (n, H, W[, C]) or features (n, d); or a ``Labelled`` with both. labels: (n,) int from 0 on.
        budget: seconds, or "90s", "30m", "2h"; of wall-clock time on this machine. threads: processes that train.
        out: a folder for what is trained; with the same one an interrupted scan goes on. A temporary one if not given.
        model: what the networks see, see ``inputs.represent``. trainer: "module:function", the user's own training instead.
        trust: examples of the same kind and labels that are known to be clean; every label is then compared with itself there.
        seed: of subsets and networks. say: gets lines of progress.
        units: exactly so many units of models and one look, for results that do not depend on this machine's speed; the budget
            then ends nothing.

    Raises:
        InputError: the data is unusable, or the budget too small.
    """
    data = images if isinstance(images, Labelled) else Labelled(images_or_features(images), np.asarray(labels))
    asked: dict[str, Any] = {"data": digest_arrays(data.values, data.labels), "model": model, "trainer": trainer, "seed": seed}
    if trust is not None:
        asked["trusted"] = digest_arrays(trust.values, trust.labels)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(out) / "work" if out else Path(scratch)
        clock = Clock(folder, digest(asked), planning.seconds(budget))
        chosen = {"model": model, "trainer": trainer, "trust": trust, "seed": seed}
        return _run(sets.make(data, folder, **chosen), clock, threads, units, say, asked)


class Clock:
    """The time of a scan, earlier runs in the same folder included."""

    def __init__(self, folder: Path, asked: str, budget: float):
        self.record, self.asked, self.budget, self.since = folder / "scan.json", asked, budget, time.monotonic()
        before = read_json(self.record) if self.record.exists() else {"asked": asked, "seconds": 0.0}
        if before["asked"] != asked:
            raise InputError(f"{folder.parent} holds the scan of other data or with other settings: choose another --out.")
        self.earlier = before["seconds"]

    @property
    def spent(self) -> float:
        """Seconds."""
        return self.earlier + time.monotonic() - self.since

    def note(self) -> None:
        """Keeps the time for a run that goes on."""
        write_json(self.record, {"asked": self.asked, "seconds": round(self.spent, 2)})


def _run(made: sets.Sets, clock: Clock, threads: int, units: int | None, say: Say, asked: dict[str, Any]) -> Scan:
    plan = timing.plan(made, clock.budget - clock.spent if units is None else math.inf, threads)
    if units is not None:
        plan, clock.budget = replace(plan, looks=[units]), math.inf
    for line in timing.announced(made, plan, clock.spent, clock.budget, threads):
        say(line)
    look, there, verdict = 0, 0, None
    for look in plan.looks:
        train(made, plan, look, clock, threads, say)
        there = trained(made, plan, look)
        if there < min(look, planning.LEAST):
            raise InputError(
                f"The budget ended with {there} units of models, {planning.LEAST} are needed: the same command with more goes on."
            )
        found = [groups_of(made, plan, look, number) for number in range(len(made.works))]
        verdict = _judged(made, plan, look, found, remove=there >= planning.REMOVING)
        p = verdict.first.p
        say(f"after {there} units of models: {verdict.answer}" + (f", p = {p:.2g}" if verdict.first.comparison else ""))
        if there >= planning.REMOVING and not _CLEAR[0] < p < _CLEAR[1]:
            break
    clock.note()
    assert verdict is not None
    return result(made, plan, (look, there), verdict, clock.spent, asked)


def train(made: sets.Sets, plan: planning.Plan, look: int, clock: Clock, threads: int, say: Say = lambda text: None) -> None:
    """Trains every set up to so many units, or as far as the budget goes."""
    wanted, done = list(zip(plan.fractions, plan.counts(look), strict=True)), 0
    total = sum(count for _, count in wanted) * len(made.works)
    for work in made.works:
        for _, count in models.train(work, wanted, threads, plan.shard):
            done += count
            clock.note()
            say(f"\r{done:,} of {total:,} models, {clock.spent / 60:.1f} of {clock.budget / 60:.1f} minutes")
            if clock.spent > clock.budget - plan.analysis_s:
                break


def trained(made: sets.Sets, plan: planning.Plan, look: int) -> int:
    """Units of models that there are: fewer than were asked for where the budget ended first."""
    counts = zip(plan.fractions, plan.counts(look), strict=True)
    there = [models.there(work, fraction, count) / count for fraction, count in counts for work in made.works]
    return round(look * min(1.0, *there))


def groups_of(made: sets.Sets, plan: planning.Plan, look: int, number: int) -> list[list[Groups]]:
    """The strongest groups of one set, for each fraction of each of the blocks that are searched."""
    found = []
    for fraction, count in zip(plan.fractions, plan.counts(look), strict=True):
        masks, rows = models.read(made.works[number], fraction, count)
        margins = Margins(rows)
        found.append([made.search(masks, margins, members) for members in made.blocks(number)])
    return found


def _judged(made: sets.Sets, plan: planning.Plan, look: int, found: list[list[list[Groups]]], remove: bool) -> alarm.Verdict:
    """The verdict on the data, whose whole labels were searched already."""
    counts = zip(plan.fractions, plan.counts(look), strict=True)
    opened = [models.read(made.works[0], fraction, count) for fraction, count in counts]
    known = {(a, tuple(group.members)): group for a, row in enumerate(found[0]) for group in row}

    def search(a: int, members: np.ndarray) -> Groups:
        masks, rows = opened[a]
        return known.get((a, tuple(members))) or made.search(masks, Margins(rows), members)

    remove = remove and (made.recipe is None or made.recipe.trusted)
    return alarm.verdict(search, made.parts[0].labels, len(opened), made.settings, found[1:] or None, remove=remove)
