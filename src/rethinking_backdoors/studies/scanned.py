"""What a scan answers where the truth is known: attacked sets, and sets that nobody attacked, ordinary and strange ones."""

import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.detection import alarm
from rethinking_backdoors.detection.groups import otsu
from rethinking_backdoors.detection.scores import number_of
from rethinking_backdoors.evaluation.metrics import auroc
from rethinking_backdoors.scan.scanning import scan
from rethinking_backdoors.seeds import generator

# Units of models a fraction; fixed, so that answers do not hang on this machine's speed.
UNITS = 1000
# How many examples are poisoned, and how many units of models are spent, where it is asked what is still found.
COUNTS, SPENT = (5, 10, 15, 20, 30, 45), (250, 500, 1000)
# Of larger sets no strange ones are made, each of which costs as much as the set itself.
_STRANGE_UP_TO = 10_000
Row = dict[str, Any]
# Maps what each row removes to accuracies and attack success after retraining, see ``evaluation.retraining``.
Measure = Callable[[dict[str, np.ndarray]], dict[str, dict[str, float]]]


def attacked(data: Labelled, poison: np.ndarray, measure: Measure, root: int, share: float) -> Iterator[Row]:
    """Rows of the scan on one poisoned set; of removal by its ranking, whatever it answers; and of Otsu's cut of the margins'
    standard deviation within each label.

    Args:
        poison: (p,) the poisoned examples. share: of the examples, that is removed by rank, as the paper's detectors do.
    """
    found = scan(data, units=UNITS, threads=1, seed=root % 2**31)
    removals = {"scan": np.flatnonzero(found.flagged), "margin_sd, Otsu": by_spread(data.labels, found.spread)}
    removals["ranked by the scan"] = np.flatnonzero(found.rank <= number_of(share, len(found.rank)))
    after, target = measure(removals), np.unique(data.labels[poison])
    among = np.isin(data.labels, target)
    found_there = auroc(found.score[among], np.isin(np.flatnonzero(among), poison))
    answers = {"scan": answered(found) | {"right_label": 100.0 * (found.label in target), "auroc_within_target": found_there}}
    for name, removed in removals.items():
        hit = len(np.intersect1d(removed, poison))
        counts = {"flagged": len(removed), "poison_left": len(poison) - hit, "clean_flagged": len(removed) - hit}
        yield {"row": name} | answers.get(name, {}) | counts | {key: after[name][key] for key in ("asr", "clean_accuracy")}


def unattacked(data: Labelled, root: int) -> Iterator[Row]:
    """The scan of a set that nobody attacked, and of strange ones made from a small one: every alarm is a false one."""
    small = len(data.labels) <= _STRANGE_UP_TO
    for name, made in (strange(data, generator(root, "strange sets")) if small else {"as it is": data}).items():
        found = scan(made, units=UNITS, threads=1, seed=root % 2**31)
        yield {"row": f"nobody attacked: {name}"} | answered(found) | {"flagged": int(found.flagged.sum())}
        yield {"row": f"margin_sd, Otsu, nobody attacked: {name}", "flagged": len(by_spread(made.labels, found.spread))}


def power(poisoned: Callable[[int], tuple[Labelled, np.ndarray]], root: int) -> Iterator[Row]:
    """What is found of fewer and more poisoned examples, and with fewer and more models.

    Args:
        poisoned: makes the set with so many poisoned examples, and says which (p,) they are.
    """
    for count in COUNTS:
        data, poison = poisoned(count)
        with tempfile.TemporaryDirectory() as folder:  # the models of the smaller numbers are among those of the larger
            for units in SPENT:
                found = scan(data, units=units, threads=1, seed=root % 2**31, out=folder)
                right = 100.0 * (found.alarm and found.label in data.labels[poison])
                # Few models flag nothing: the first group is what would be.
                hit = len(np.intersect1d(found.members, poison)) if right else 0
                row = {"poisoned": count, "units": units} | answered(found) | {"right_label": right}
                yield row | {"poison_left": count - hit, "clean_flagged": len(found.members) - hit if right else 0}


def answered(found: Any) -> Row:
    """The answer as percentages of one set."""
    p = found.p_value if found.p_value is not None else 1.0
    return {
        "alarm": 100.0 * found.alarm,
        "look": 100.0 * (found.answer == alarm.LOOK),
        "p_value": p,
        "apart": 100 * (found.apart or 0),
    }


def by_spread(labels: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """What lies above Otsu's cut of the margins' standard deviation (n,) within its label, in every label; sorted."""
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        at = np.flatnonzero(labels == label)
        if len(at) > 1:
            chosen[at] = deviation[at] > otsu(deviation[at])[1]
    return np.flatnonzero(chosen)


def strange(data: Labelled, rng: np.random.Generator) -> dict[str, Labelled]:
    """Sets without an attack: as it is, half of it, labels of unequal size, labels in part at random, and a natural subgroup.

    The subgroup: a third as many examples of another label as a label has carry that label's number.
    """
    labels, n = data.labels, len(data.labels)
    classes = np.unique(labels)
    half = np.sort(rng.permutation(n)[: n // 2])
    share = dict(zip(classes, rng.uniform(0.4, 1, len(classes)), strict=True))
    unequal = np.flatnonzero(rng.random(n) < np.array([share[label] for label in labels]))
    noisy, grouped = labels.copy(), labels.copy()
    wrong = rng.permutation(n)[: n // 20]
    noisy[wrong] = rng.choice(classes, len(wrong))
    one, other = rng.choice(classes, 2, replace=False)
    grouped[rng.choice(np.flatnonzero(labels == other), int((labels == one).sum() // 3), replace=False)] = one
    everything = np.arange(n)
    parts = {
        "as it is": (everything, labels),
        "half of it": (half, labels),
        "unequal labels": (unequal, labels),
        "one label in twenty at random": (everything, noisy),
        "a natural subgroup": (everything, grouped),
    }
    return {name: Labelled(data.values[index], new[index], data.classes) for name, (index, new) in parts.items()}
