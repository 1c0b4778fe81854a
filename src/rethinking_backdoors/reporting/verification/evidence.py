"""What the published figures and the claims need beside the tables: numbers of one experiment, subset fraction and seed."""

import tempfile
from collections.abc import Iterable, Iterator

import numpy as np

from rethinking_backdoors.detection.control import pair_objective, put_aside
from rethinking_backdoors.detection.pairs import Pairs, pair_sums
from rethinking_backdoors.detection.search import climb
from rethinking_backdoors.evaluation.metrics import fit_line

BLOCK = 512  # rows of W that are read at a time
Arrays = dict[str, np.ndarray]
Row = tuple[str, str, str, float]
NAMES = ("estimate", "measured")


def numbers(strength: Arrays, rivals: Arrays, weights: np.ndarray) -> Iterator[Row]:
    """Every number as table, row, column, value, but for Lemma 2's; see ``objective_of_poison``.

    Args:
        strength: see ``strength.summarize``. rivals: see ``rivals.rivals``.
        weights: W (n, n), rows training examples; may be memory-mapped.
    """
    yield from curves(strength)
    yield from lines(strength)
    yield from pair_means(weights, strength["poisoned"])
    for kind in dict.fromkeys(rivals["kind"].tolist()):
        yield "natural", kind, "strength", float(rivals["strength"][rivals["kind"] == kind].max())


def curves(strength: Arrays) -> Iterator[Row]:
    """Figure 7: range of k, mean poisoned margin, slope and level of the single curves (sorted); strengths of the groups.

    ``strength_mean`` is the mean measured slope of all examples of the group. ``strength_rms`` is the root mean square of their
    true slopes: the mean product of two estimates from different models, in which noise cancels, with the sign of that mean.
    """
    k, shown = strength["k"].astype(np.float64), len(strength["g_example"]) // 2
    yield "figure7", "k", "k_first", float(k[0])
    yield "figure7", "k", "k_last", float(k[-1])
    for place, at in (("first", 0), ("middle", len(k) // 2), ("last", -1)):
        yield "figure7", "poisoned", f"margin_{place}", float(strength["g_poisoned"][at])
    poisoned = strength["poisoned"]
    groups = (("poisoned", slice(shown), poisoned), ("clean", slice(shown, None), ~poisoned))
    for row, part, members in groups:
        curve = strength["g_example"][part]
        for rank, value in enumerate(np.sort([fit_line(k, g)[0] for g in curve]), start=1):
            yield "figure7", row, f"slope_{rank}", float(value)
        for rank, value in enumerate(np.sort(curve.mean(1)), start=1):
            yield "figure7", row, f"level_{rank}", float(value)
        yield "figure7", row, "strength_mean", float(strength["measured"][members].mean())
        square = float((strength["estimate_half"] * strength["measured_half"])[members].mean())
        yield "figure7", row, "strength_rms", float(np.sign(square) * np.sqrt(abs(square)))


def lines(strength: Arrays) -> Iterator[Row]:
    """Figure 8: measured strength against the estimate, among poisoned and among clean examples; the ends of the first line."""
    for row, members in (("poisoned", strength["poisoned"]), ("clean", ~strength["poisoned"])):
        slope, intercept, correlation = fit_line(strength["estimate_half"][members], strength["measured_half"][members])
        yield "figure8", row, "correlation", correlation
        yield "figure8", row, "slope", slope
        # What two halves of the models agree on: noise in either keeps the correlation below the root of the product.
        agreed = [fit_line(strength[f"{name}_half"][members], strength[f"{name}_again"][members])[2] for name in NAMES]
        yield "figure8", row, "ceiling", float(np.sqrt(max(agreed[0], 0) * max(agreed[1], 0)))
        if row == "poisoned":
            yield "figure8", row, "intercept", intercept
            for end, x in (("low", strength["estimate_half"].min()), ("high", strength["estimate_half"].max())):
                yield "figure8", row, f"x_{end}", float(x)
                yield "figure8", row, f"y_{end}", float(intercept + slope * x)


def pair_means(weights: np.ndarray, poisoned: np.ndarray) -> Iterator[Row]:
    """Figure 9: mean and standard deviation of W by kind of pair, without W's diagonal.

    Args:
        weights: W (n, n), rows training examples, columns targets. poisoned: (n,) bool.
    """
    members = np.stack([poisoned, ~poisoned], axis=1).astype(np.float64)
    total, square = np.zeros((2, 2)), np.zeros((2, 2))
    for start in range(0, len(weights), BLOCK):
        block = np.array(weights[start : start + BLOCK], dtype=np.float64)
        block[np.arange(len(block)), start + np.arange(len(block))] = 0
        rows = members[start : start + BLOCK]
        total += rows.T @ (block @ members)
        square += rows.T @ (block**2 @ members)
    count = np.outer(members.sum(0), members.sum(0)) - np.diag(members.sum(0))
    mean = total / count
    sd = np.sqrt(square / count - mean**2)
    for name, at in {"poison_to_poison": (0, 0), "poison_to_clean": (0, 1), "clean_to_clean": (1, 1)}.items():
        yield "figure9", name, "mean", float(mean[at])
        yield "figure9", name, "sd", float(sd[at])


def objective_of_poison(halves: Iterable[np.ndarray], support: np.ndarray, found: np.ndarray) -> float:
    """Eq. 7 at the poison (p,) in percent of its value at the best set of p examples, found on one half and judged on the other.

    On the other half nothing is chosen, so that no set profits from noise; mean of both directions. Above 100 the poison beats
    what was found.

    Args:
        halves: W (n, n) of the even, then of the odd models; each is overwritten. found: (2, sets, n) bool, the detectors' best
            sets on either.

    Memory: one matrix if it is in float16 and made when it is asked for; the first is put aside into a temporary file.
    """
    best: list[np.ndarray] = []
    judges: list[Pairs] = []
    with tempfile.TemporaryDirectory() as folder:
        for weights in halves:  # no zip: it would hold the first while the second is made
            pairs = pair_sums(weights, out=weights)
            best.append(best_of_size(pairs, support, found[len(best)]))
            judges.append(pairs if judges else put_aside(pairs, folder))
            del weights, pairs
        shares = [
            100 * pair_objective(judge, support) / pair_objective(judge, members)
            for judge, members in zip(reversed(judges), best, strict=True)
        ]
        return float(np.mean(shares))


def best_of_size(pairs: Pairs, support: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """The set of p examples with the highest objective of those that single swaps reach from the poison and from what was found.

    Args:
        pairs: of W (n, n). support: (p,) the poison.
        sets: (sets, n) bool; each is cut or filled up to p examples, see ``resized``.
    """
    size = len(support)
    linear = pairs.linear(size)
    starts = np.array([support, *(resized(pairs, linear, np.flatnonzero(members), size) for members in sets)])
    reached, certified = np.empty(len(starts)), np.empty(len(starts), dtype=bool)
    climb(pairs, linear, starts, reached, certified)
    return starts[reached.argmax()]


def resized(pairs: Pairs, linear: np.ndarray, members: np.ndarray, size: int) -> np.ndarray:
    """A set of ``size`` examples from another: the members that contribute most, or all of them and who contributes most outside.

    Args:
        pairs: of W (n, n). linear: (n,), the diagonal of eq. 7's matrix. members: (k,) indices.
    """
    value = linear.copy()
    for member in members:
        value += pairs.row(member)
    outside = np.ones(len(value), dtype=bool)
    outside[members] = False
    return np.lexsort((-value, outside))[:size]
