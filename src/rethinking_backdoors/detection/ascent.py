"""Exact steepest single swaps on S = W + W': the compiled part of the search.

With d the diagonal of eq. 7's matrix and g = S v + d, the objective of a set is sum_{i in v} (g_i + d_i) / 2 and swapping member
r for non-member a changes it by exactly g_a - g_r - S_ra. A swap updates g with two contiguous rows of S; ``gain`` holds g of the
examples outside (minus infinity at members) and ``inside`` that of the members.

The steepest swap over all k (n - k) pairs is found without looking at most of them. The sorted lists of each row's lowest entries
give the best pair among the listed ones; a pair that is not listed gains at most g_a - g_r minus the row's last listed entry.
"""

import numba
import numpy as np

from rethinking_backdoors.detection.pairs import value

# Examples in a block of ``gain``, whose maximum is kept so that blocks without candidates are never looked at.
BLOCK = 256
# Forced swaps that are tried at a local optimum where ``escape`` is asked for, and for how many of them a swapped example stays
# where it was put. Barring it for good, as the released rule does, finds planted blocks less often (benchmarks/detection.py).
FORCED, TENURE = 100, 10


@numba.njit(cache=True, nogil=True)
def ascend(stored, low_value, low_index, linear, found, tolerance, escape, objective, certified, work):
    """Improves every row of ``found`` (R, k) in place to a local optimum; with ``escape``, beyond it where ``_force`` can.

    Fills objective (R,), certified (R,), and work (R, 3): swaps made, further rows read, and entries read one by one.
    """
    n, k = len(linear), found.shape[1]
    gain, inside, top, candidates = np.empty(n), np.empty(k), np.empty(-(-n // BLOCK)), np.empty(n, dtype=np.int64)
    lowest, last = np.empty(k), np.empty(k)
    for restart in range(len(found)):
        members = found[restart]
        total(stored, members, linear, gain)
        enter(members, gain, inside, top)
        work[restart] = 0, k, 0
        while True:
            _climb(stored, low_value, low_index, lowest, last, members, inside, gain, top, candidates, tolerance, work[restart])
            if not escape or not _force(stored, members, inside, gain, top, tolerance, work[restart]):
                break
        worst, rows = best_swap(stored, lowest, members, inside, gain, top)
        work[restart, 1] += rows
        certified[restart] = worst <= tolerance
        objective[restart] = (inside.sum() + linear[members].sum()) / 2


@numba.njit(cache=True, nogil=True)
def _climb(stored, low_value, low_index, lowest, last, members, inside, gain, top, candidates, tolerance, work):
    """Steepest swaps until none improves."""
    for p in range(len(members)):
        lowest[p], last[p] = low_value[members[p], 0], low_value[members[p], -1]
    while True:
        best, position, incoming, entries = steepest(
            stored, low_value, low_index, lowest, last, members, inside, gain, top, candidates
        )
        work[2] += entries
        if best <= tolerance:
            return
        swap(stored[incoming], stored[members[position]], position, incoming, members, inside, gain, top)
        lowest[position], last[position] = low_value[incoming, 0], low_value[incoming, -1]
        work[0] += 1


@numba.njit(cache=True, nogil=True)
def _force(stored, members, inside, gain, top, tolerance, work):
    """Tries to leave a local optimum by tabu search (Glover 1989); whether it found a better set, which then is in place.

    At most 100 swaps of the lowest member for the highest non-member, gaining or not, neither of them swapped again for the next
    10 swaps (k / 2 of a small set); the best state on the way counts, by its exact objective.
    """
    start = members.copy(), inside.copy(), gain.copy(), top.copy()
    free, positions, examples = np.zeros(len(gain), dtype=np.int64), np.empty(FORCED, np.int64), np.empty(FORCED, np.int64)
    gained, best, length, tenure = 0.0, tolerance, 0, min(TENURE, len(members) // 2)
    for step in range(FORCED):
        position, incoming, low, high = -1, -1, np.inf, -np.inf
        for p in range(len(members)):
            if inside[p] < low and free[members[p]] <= step:
                position, low = p, inside[p]
        for i in range(len(gain)):
            if gain[i] > high and free[i] <= step:
                incoming, high = i, gain[i]
        if position < 0 or incoming < 0:
            break
        outgoing = members[position]
        gained += high - low - value(stored[outgoing, incoming])
        free[outgoing] = free[incoming] = step + 1 + tenure
        positions[step], examples[step] = position, incoming
        swap(stored[incoming], stored[outgoing], position, incoming, members, inside, gain, top)
        work[0] += 1
        if gained > best:
            best, length = gained, step + 1
    members[:], inside[:], gain[:], top[:] = start
    for position, incoming in zip(positions[:length], examples[:length]):  # noqa: B905 - numba knows no strict
        swap(stored[incoming], stored[members[position]], position, incoming, members, inside, gain, top)
        work[0] += 1
    return length > 0


@numba.njit(cache=True, nogil=True)
def total(stored, slots, linear, gain):
    """gain = d + the sum of the rows ``slots``."""
    gain[:] = linear
    for slot in slots:
        row = stored[slot]
        for i in range(len(gain)):
            gain[i] += np.float64(value(row[i]))


@numba.njit(cache=True, nogil=True)
def enter(members, gain, inside, top):
    """Moves the members' gains from ``gain`` to ``inside`` and fills the blocks' maxima."""
    for p in range(len(members)):
        inside[p] = gain[members[p]]
        gain[members[p]] = -np.inf
    for block in range(len(top)):
        top[block] = gain[block * BLOCK : (block + 1) * BLOCK].max()


@numba.njit(cache=True, nogil=True)
def swap(added, removed, position, incoming, members, inside, gain, top):
    """Puts ``incoming`` in the place of the member at ``position``; added and removed are the two rows of S."""
    outgoing = members[position]
    members[position] = incoming
    inside[position], gain[incoming], gain[outgoing] = gain[incoming], -np.inf, inside[position]
    _advance(gain, added, removed, top)
    for p in range(len(members)):
        inside[p] += np.float64(value(added[members[p]])) - np.float64(value(removed[members[p]]))


@numba.njit(cache=True, nogil=True, fastmath={"nnan", "nsz", "reassoc"})
def _advance(gain, added, removed, top):
    """gain += added - removed, and the largest gain of every block. Nothing else looks at all n examples."""
    for block in range(len(top)):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        gains, plus, minus = gain[part], added[part], removed[part]
        # Two loops, because together they would not be vectorised: twice the time.
        for i in range(len(gains)):
            gains[i] += np.float64(value(plus[i])) - np.float64(value(minus[i]))
        high = -np.inf
        for i in range(len(gains)):
            high = gains[i] if gains[i] > high else high
        top[block] = high


@numba.njit(cache=True, nogil=True)
def steepest(stored, low_value, low_index, lowest, last, slots, inside, gain, top, candidates):
    """The best of all k (n - k) swaps: its gain, the position of the member, the incoming example, and entries read.

    Args:
        lowest, last: (k,) the first and the last listed entry of each member's row.
        slots: (k,) where the members' rows are in ``stored``, ``low_value`` and ``low_index``.
        candidates: (n,) int64, overwritten.
    """
    first = inside.argmin()
    high, incoming = _highest(gain, top)
    best, position, entries = high - inside[first] - value(stored[slots[first], incoming]), first, 1
    # The lowest member first: it gives a good swap early, and so more can be skipped.
    for turn in range(-1, len(slots)):
        p = first if turn < 0 else turn
        room = high - inside[p]
        if room - lowest[p] > best:
            values, indices = low_value[slots[p]], low_index[slots[p]]
            for c in range(len(values)):
                if room - values[c] <= best:
                    break
                gained = gain[indices[c]] - inside[p] - values[c]
                if gained > best:
                    best, position, incoming = gained, p, indices[c]
    # What no list holds: the examples whose gain could still beat the best swap with some member.
    count = _candidates(gain, top, best + _lowest_sum(inside, last), candidates)
    for p in range(len(slots)):
        if high - inside[p] - last[p] > best:
            row = stored[slots[p]]
            for c in range(count):
                i = candidates[c]
                if gain[i] - inside[p] - last[p] > best:
                    entries += 1
                    gained = gain[i] - inside[p] - value(row[i])
                    if gained > best:
                        best, position, incoming = gained, p, i
    return best, position, incoming, entries


@numba.njit(cache=True, nogil=True, fastmath={"nnan", "nsz", "reassoc"})
def _lowest_sum(inside, last):
    low = np.inf
    for p in range(len(inside)):
        low = min(low, inside[p] + last[p])
    return low


@numba.njit(cache=True, nogil=True)
def _candidates(gain, top, threshold, candidates):
    """Writes the examples whose gain is above the threshold; returns how many."""
    count = 0
    for block in range(len(top)):
        if top[block] > threshold:
            for i in range(block * BLOCK, min(len(gain), (block + 1) * BLOCK)):
                if gain[i] > threshold:
                    candidates[count] = i
                    count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _highest(gain, top):
    """The largest gain of an example outside, and the example."""
    start = top.argmax() * BLOCK
    at = start + gain[start : start + BLOCK].argmax()
    return gain[at], at


@numba.njit(cache=True, nogil=True, fastmath={"nnan", "nsz", "reassoc"})
def best_swap(stored, lowest, slots, inside, gain, top):
    """The certificate: the gain of the best of all k (n - k) swaps, from the members' whole rows, and how many rows were read.

    Rows whose lowest entry already rules out an improvement are not read.
    """
    high, best, rows = top.max(), -np.inf, 0
    for p in range(len(slots)):
        bound = high - inside[p] - lowest[p]
        if bound <= 0:
            best = max(best, bound)
            continue
        rows += 1
        row, highest = stored[slots[p]], -np.inf
        for i in range(len(gain)):
            highest = max(highest, gain[i] - np.float64(value(row[i])))
        best = max(best, highest - inside[p])
    return best, rows
