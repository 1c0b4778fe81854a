"""Times a few models and one search of a scan, and says what the budget buys."""

import time
from collections.abc import Iterator

import numpy as np
import torch

from rethinking_backdoors.margins.arrays import Margins
from rethinking_backdoors.margins.subsets import masks
from rethinking_backdoors.scan import models
from rethinking_backdoors.scan import plan as planning
from rethinking_backdoors.scan.sets import Sets
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.training.engine import drawn
from rethinking_backdoors.training.registry import trainer

# Seconds until worker processes have started and imported what they need.
_START_UP = 3.0


def plan(made: Sets, left_s: float, threads: int) -> planning.Plan:
    """What so many seconds buy for all sets; errors as of ``planning.plan``."""
    work, labels = made.works[0], made.parts[0].labels
    epochs = work.training["epochs"] if work.training else None
    fractions = planning.fractions_of(len(labels))
    counts = [planning.models_of(1000, fraction, epochs) / 1000 for fraction in fractions]
    each = [_timed(work, labels, fraction) for fraction in fractions]
    _, rows, chosen = each[0]
    blocks = made.blocks()
    largest = max(blocks, key=len)
    noise = planning.noise_of(chosen[:, largest], rows[:, largest], generator(made.seed, "noise"))
    both = np.concatenate([chosen, ~chosen]), Margins(np.concatenate([rows, -rows]))
    made.search(*both, largest[:20])  # compiled functions are loaded
    start = time.perf_counter()
    made.search(*both, largest)
    # The search of few models takes as long as that of many; the fit of many about as long again.
    analysis = 2 * (time.perf_counter() - start) * len(blocks) * len(fractions) * len(made.works)
    unit = sum(seconds * count for (seconds, _, _), count in zip(each, counts, strict=True)) * len(made.works)
    already = min(
        models.there(work, fraction, planning.LOOKS[-1] * 100) / count
        for fraction, count in zip(fractions, counts, strict=True)
        for work in made.works
    )
    return planning.plan(fractions, counts, unit, analysis, left_s - _START_UP, threads, noise, already)


def announced(made: Sets, plan: planning.Plan, spent: float, budget: float, threads: int) -> Iterator[str]:
    """The plan in lines for a terminal."""
    if made.recipe:
        others = f"logistic regression {made.recipe.baseline:.1f} %"
        yield f"networks: {made.recipe.accuracy:.1f} % right on what they were not trained on, {others}"
        if not made.recipe.trusted:
            yield "networks: they lose to it, so that an alarm will remove nothing: give more data or your own --trainer"
    last = plan.looks[-1]
    models_ = ", ".join(f"{count:,} on {100 * a:.3g} %" for a, count in zip(plan.fractions, plan.counts(last), strict=True))
    yield f"plan: at most {models_} of the data" + (f", of {len(made.works)} sets" if len(made.works) > 1 else "")
    seconds = spent + last * plan.unit_s / threads + len(plan.looks) * plan.analysis_s
    memory = 4e-9 * max(plan.counts(last)) * len(made.parts[0].labels)
    minutes = f"{seconds / 60:.1f} of {budget / 60:.1f} minutes"
    yield f"plan: at most {minutes}, less where the answer is clear before; {memory + 0.5:.1f} GB"
    yield f"plan: twenty examples are seen where together they move one another's margins by {plan.visible:.2g} or more"


def _timed(work: models.Work, labels: np.ndarray, fraction: float) -> tuple[float, np.ndarray, np.ndarray]:
    """Seconds a model, and margins (B, n) and masks (B, n) of those that were timed."""
    n = len(labels)
    if work.trainer:
        function = models.load_trainer(work.trainer)
        start = time.perf_counter()
        rows = np.stack([models.margins_by(function, work.trainer, work, fraction, index) for index in range(4)])
        return (time.perf_counter() - start) / 4, rows.astype(np.float32), masks(work.root, fraction, range(4), n)
    training = models.training_at(work, fraction)
    kind, block = trainer(training, "cpu"), training["models_at_once"]
    x, y = kind.prepare(np.load(work.folder / "inputs.npy")), torch.from_numpy(labels)

    def run() -> np.ndarray:
        return kind.train(x, y, *drawn(work.root, fraction, range(block), n)).margins(x, y).numpy()

    rows, start = run(), time.perf_counter()
    run()
    return (time.perf_counter() - start) / block, rows, masks(work.root, fraction, range(block), n)
