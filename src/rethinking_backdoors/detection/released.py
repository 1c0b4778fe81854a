"""The search rule of the authors' public code, for comparison only. It is not eq. 7: what differs is listed here.

Written anew on ``Pairs``. A round makes at most 100 swaps, each of the member with the lowest sum for the non-member with the
highest, also where this loses; both are then barred for the rest of the round. The best state of the round starts the next one,
at most 100 rounds, until the round's objective does not rise.

- The diagonal is minus the size penalty and holds no self-influence. An example's sum is its interactions with the solution minus
  the penalty for a member but PLUS the penalty for a non-member.
- The interaction of the two swapped examples is left out of a swap's gain.
- From the objective that decides when to stop, the diagonal of the examples 0 to k - 1 is taken and not the members': a constant,
  which the first round is compared with.
- The penalty is the ROW sum of the matrix that the code is given. It is eq. 7's only if rows are targets.
"""

import numba
import numpy as np

from rethinking_backdoors.detection.ascent import BLOCK, best_swap, enter, total
from rethinking_backdoors.detection.pairs import Pairs, pair_sums, share_out, value
from rethinking_backdoors.detection.search import TOLERANCE, Solutions, check, start
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.seeds import generator

ORIENTATIONS = ("train-rows", "train-columns")
ROUNDS = 100
SWAPS = 100


def search_released(
    weights: np.ndarray,
    sizes: list[int],
    restarts: int,
    *,
    seed: int,
    orientation: str,
    threads: int = 1,
    out: np.ndarray | None = None,
) -> Solutions:
    """Searches with the released rule, from the random starts of ``search``.

    Args:
        weights, sizes, restarts, seed, threads, out: see ``search``; W always has rows training examples, columns targets.
        orientation: what the rows of the matrix are that the released code would be given: "train-columns" is W transposed (rows
            are targets), so that the penalty is eq. 7's column sum; "train-rows" is W as it is, and the penalty is W's row sum.

    Returns:
        The sets that the rule ends with. Objective and certificate are those of eq. 7, self-influence included, so that rules can
        be compared: ``certified`` says whether the set happens to be a local optimum of eq. 7.

    Raises:
        InputError: see ``search``; ``orientation`` is unknown.
    """
    check(len(weights), sizes, "random")
    if orientation not in ORIENTATIONS:
        raise InputError(f"orientation must be one of {', '.join(ORIENTATIONS)}; given: {orientation}.")
    n = len(weights)
    row_sum = weights.sum(1, dtype=np.float64) if orientation == "train-rows" else None
    pairs = pair_sums(weights, out=out, threads=threads)
    penalty = ((pairs.column_sum if row_sum is None else row_sum) - pairs.diagonal) / n * pairs.scale
    members, objective, certified = [], np.empty((len(sizes), restarts)), np.empty((len(sizes), restarts), dtype=bool)
    for row, size in enumerate(sizes):
        found = np.stack([start(pairs.row, n, size, generator(seed, "restart", size, r), "random") for r in range(restarts)])

        def improve(part: slice, size=size, row=row, found=found) -> None:
            for restart in range(part.start, part.stop):
                ascend_released(pairs.stored, size * penalty, found[restart])
                objective[row, restart], certified[row, restart] = _judge(pairs, pairs.linear(size), found[restart])

        share_out(improve, restarts, threads, 4 * threads)
        members.append(np.sort(found, axis=1))
    return Solutions(np.array(sizes), members, objective, certified)


def _judge(pairs: Pairs, linear: np.ndarray, members: np.ndarray) -> tuple[float, bool]:
    """Eq. 7 at a set, and whether no single swap improves it."""
    gain, inside = np.empty(len(linear)), np.empty(len(members))
    top = np.empty(-(-len(linear) // BLOCK))
    total(pairs.stored, members, linear, gain)
    enter(members, gain, inside, top)
    best, _ = best_swap(pairs.stored, pairs.low_value[members, 0].astype(np.float64), members, inside, gain, top)
    return float((inside + linear[members]).sum() / 2 / pairs.scale), bool(best <= TOLERANCE * pairs.largest)


@numba.njit(cache=True, nogil=True)
def ascend_released(stored, penalty, members):
    """Runs the rule's rounds on one set (k,), in place. ``penalty`` (n,): the sums' share of the size, times the size."""
    interaction, nothing, last = np.empty(len(penalty)), np.zeros(len(penalty)), 0.0
    for _ in range(ROUNDS):
        total(stored, members, nothing, interaction)
        _round(stored, penalty, members, interaction)
        total(stored, members, nothing, interaction)
        reached = interaction[members].sum() / 2 - penalty[members].sum() + penalty[: len(members)].sum()
        if reached <= last:
            return
        last = reached


@numba.njit(cache=True, nogil=True)
def _round(stored, penalty, members, interaction):
    """At most 100 forced swaps; leaves ``members`` at the best state on the way."""
    selected, barred = np.zeros(len(penalty), dtype=np.bool_), np.zeros(len(penalty), dtype=np.bool_)
    selected[members] = True
    state, gained, best = members.copy(), 0.0, 0.0
    for _ in range(SWAPS):
        position, incoming, low, high = -1, -1, np.inf, -np.inf
        for p in range(len(state)):
            i = state[p]
            if not barred[i] and interaction[i] - penalty[i] < low:
                position, low = p, interaction[i] - penalty[i]
        for i in range(len(penalty)):
            if not (barred[i] or selected[i]) and interaction[i] + penalty[i] > high:
                incoming, high = i, interaction[i] + penalty[i]
        if position < 0 or incoming < 0:
            return
        outgoing = state[position]
        selected[outgoing], selected[incoming], barred[outgoing], barred[incoming] = False, True, True, True
        state[position] = incoming
        added, removed = stored[incoming], stored[outgoing]
        for i in range(len(interaction)):
            interaction[i] += np.float64(value(added[i])) - np.float64(value(removed[i]))
        gained += high - low
        if gained > best:
            best = gained
            members[:] = state
