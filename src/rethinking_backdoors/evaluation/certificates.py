"""What a vote certifies: how many training examples may be changed, in any way, before the winner can be another class.

Networks that are trained on random subsets see a changed example only if it is in theirs. The share of subsets that hold none
of r changed examples bounds by how much they move the share of votes of any class. Sources: Jia, Cao and Gong 2021 (bagging,
theorem 1 for changes alone), Levine and Feizi 2021 (partitions); for subsets of exact size, which this project's models have, by
the same argument.
"""

import numpy as np
from scipy.special import gammaln
from scipy.stats import beta


def untouched(n: int, size: int, changed: np.ndarray) -> np.ndarray:
    """The share of subsets of exact size without any of ``changed`` (r,) examples: C(n - r, size) / C(n, size); (r,)."""
    changed = np.asarray(changed, dtype=np.float64)
    rest = np.maximum(n - changed - size, 0)
    log = gammaln(n - changed + 1) - gammaln(rest + 1) - gammaln(n + 1) + gammaln(n - size + 1)
    return np.where(n - changed >= size, np.exp(log), 0.0)


def untouched_bags(n: int, draws: int, changed: np.ndarray) -> np.ndarray:
    """The same for ``draws`` with replacement: (1 - r / n)^draws."""
    return (1 - np.asarray(changed) / n) ** draws


def bounds(votes: np.ndarray, error: float) -> tuple[np.ndarray, np.ndarray]:
    """Of each image a lower bound of the winner's share and an upper bound of the runner-up's, (N,) each.

    Clopper and Pearson's, so that all of them hold together with probability 1 - error.

    Args:
        votes: (N, C), how many of the m models say which class.
    """
    models, level = votes.sum(1), error / votes.size
    ordered = np.sort(votes, axis=1)
    first, second = ordered[:, -1], ordered[:, -2]
    lower = np.where(first > 0, beta.ppf(level, np.maximum(first, 1), models - first + 1), 0.0)
    upper = np.where(second < models, beta.ppf(1 - level, second + 1, np.maximum(models - second, 1)), 1.0)
    return lower, np.minimum(upper, 1 - lower)


def radius(lower: np.ndarray, upper: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """How many examples may be changed, (N,) int64; -1 where not even the winner is certain.

    A class gains or loses at most 1 - kept[r] of the votes when r examples are changed, so that the winner stays while
    lower - upper > 2 (1 - kept[r]).

    Args:
        lower, upper: see ``bounds``. kept: (R + 1,) for r = 0, 1, ..., see ``untouched``.
    """
    # The shares come from logarithms, with a rounding error.
    return (lower[:, None] - upper[:, None] > 2 * (1 - kept) + 1e-9).sum(1) - 1


def radius_of_partition(votes: np.ndarray) -> np.ndarray:
    """The same where models were trained on disjoint parts, without any chance of error; ties go to the lower class.

    An example that is put in or taken out moves the vote of one part; one that is changed counts as both. The published radius,
    floor((first - second) / 2) of those, is halved.

    Args:
        votes: (N, C) int64.
    """
    winner = votes.argmax(1)
    rival = votes + (np.arange(votes.shape[1]) < winner[:, None])
    np.put_along_axis(rival, winner[:, None], -1, axis=1)
    ahead = np.take_along_axis(votes, winner[:, None], axis=1)[:, 0] - rival.max(1)
    return ahead // 2 // 2
