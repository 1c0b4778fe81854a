"""What a person needs to judge a group: what its members share, and how their margins grow with their number."""

from dataclasses import dataclass

import numpy as np

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.margins.arrays import Margins, Masks
from rethinking_backdoors.strength import k_output

# Values that are shown in words, at most.
SHOWN = 10


@dataclass(frozen=True)
class Evidence:
    """Of one group.

    Attributes:
        difference: (d,) float64, mean of the group minus mean of its label's others, by pixel or feature. standardised: the same
            in standard deviations of the others.
        columns: (c,) int64, where the group differs most, in order, and ``having``: the share of the group on its own side of the
            middle between both means there, ``others``: that of the label's others.
        k: (K,) int64, numbers of group members in a model's subset, and the mean margin of the group's members that the model was
            not trained on, ``inside`` (K,), and of as many others of the label, ``outside`` (K,). Empty where there are too few
            models.
    """

    difference: np.ndarray
    standardised: np.ndarray
    columns: np.ndarray
    having: np.ndarray
    others: np.ndarray
    k: np.ndarray
    inside: np.ndarray
    outside: np.ndarray


def evidence(values: np.ndarray, group: np.ndarray, rest: np.ndarray, masks: Masks, margins: Margins, seed: int) -> Evidence:
    """What the examples ``group`` (g,) have and ``rest`` (r,), the others of their label, have not.

    Args:
        values: (n, ...) images or features. masks: (m, n), margins: (m, n), of the fraction at which the group was found.
    """
    flat = values.reshape(len(values), -1)
    ours, theirs = (flat[part].astype(np.float64) for part in (group, rest))
    difference = ours.mean(0) - theirs.mean(0)
    # Where the others never vary their spread says nothing: a hundredth of the range then is one standard deviation.
    floor = 0.01 * (max(ours.max(), theirs.max()) - min(ours.min(), theirs.min()) or 1)
    standardised = difference / np.maximum(theirs.std(0), floor)
    columns = np.argsort(-np.abs(standardised), kind="stable")[:SHOWN]
    middle = (ours.mean(0) + theirs.mean(0))[columns] / 2
    side = np.sign(difference[columns])
    having, others = (((part[:, columns] - middle) * side > 0).mean(0) for part in (ours, theirs))
    return Evidence(difference, standardised, columns, having, others, *_curves(masks, margins, group, rest, seed))


def _curves(masks: Masks, margins: Margins, group: np.ndarray, rest: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """The k-output of group and others (paper, eq. 15a)."""
    other = np.random.default_rng(seed).choice(rest, min(len(group), len(rest)), replace=False)
    try:
        k, g, _ = k_output(masks, margins, group, np.concatenate([group, other]))
    except InputError:  # too few models for any number of members
        return np.empty(0, dtype=np.int64), np.empty(0), np.empty(0)
    return k, g[: len(group)].mean(0), g[len(group) :].mean(0)
