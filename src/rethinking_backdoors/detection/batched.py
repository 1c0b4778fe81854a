"""The search of ``search`` for all restarts of a size at once, on any torch device."""

import numpy as np
import torch

from rethinking_backdoors.detection.pairs import Pairs
from rethinking_backdoors.detection.search import TOLERANCE, Solutions, check, start
from rethinking_backdoors.seeds import generator

# Numbers that one step may hold besides S: decides how many restarts are searched at once.
_NUMBERS = 2**30


def search_batched(pairs: Pairs, sizes: list[int], restarts: int, *, seed: int, starts: str = "random", device: str) -> Solutions:
    """Maximises eq. 7 for every size from many starts, as ``search_pairs`` does: same starts, same rule, gains in float64.

    Args:
        pairs, sizes, restarts, seed, starts: see ``search_pairs``.
        device: where S, the lists of lowest entries and the gains go; at most 16 GiB are used besides S.

    Returns:
        Up to rounding the solutions of ``search_pairs``: sums are taken in another order, so that a tie may break another way.
    """
    n = len(pairs.diagonal)
    check(n, sizes, starts)
    search = _Batch(pairs, device)
    members, objective, certified = [], np.empty((len(sizes), restarts)), np.empty((len(sizes), restarts), dtype=bool)
    for row, size in enumerate(sizes):
        found = np.stack([start(pairs.row, n, size, generator(seed, "restart", size, r), starts) for r in range(restarts)])
        step = max(1, _NUMBERS // (2 * n + 3 * size * search.low_value.shape[1]))
        for first in range(0, restarts, step):
            part = slice(first, first + step)
            found[part], objective[row, part], certified[row, part] = search.climb(found[part], pairs.linear(size))
        members.append(np.sort(found, axis=1))
    return Solutions(np.array(sizes), members, objective / pairs.scale, certified)


class _Batch:
    """S and its rows' lowest entries on a device."""

    def __init__(self, pairs: Pairs, device: str):
        stored = pairs.stored if pairs.stored.dtype == np.float32 else pairs.stored.view(np.float16)
        self.stored = torch.from_numpy(stored).to(device)
        self.low_value = torch.from_numpy(pairs.low_value).to(device)
        self.low_index = torch.from_numpy(pairs.low_index).to(device).long()
        self.tolerance, self.device = TOLERANCE * pairs.largest, device

    def climb(self, found: np.ndarray, linear: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Local optima reached from the sets ``found`` (R, k): their members (R, k), objectives and certificates (R,)."""
        members, d = torch.from_numpy(found).to(self.device), torch.from_numpy(linear).to(self.device)
        gain = d.repeat(len(found), 1)
        for position in range(members.shape[1]):
            gain += self.stored[members[:, position]]
        outside = torch.zeros_like(gain).scatter_(1, members, -torch.inf)
        ended = np.empty_like(found), np.empty(len(found)), np.empty(len(found), dtype=bool)
        which = torch.arange(len(found), device=self.device)
        while len(which):
            best, position, incoming = self._steepest(members, gain, outside)
            going = best > self.tolerance
            if not going.all():
                self._finish(which[~going], members[~going], gain[~going], outside[~going], d, ended)
                which, members, gain, outside = (array[going] for array in (which, members, gain, outside))
                position, incoming = position[going], incoming[going]
            at = torch.arange(len(which), device=self.device)
            outgoing = members[at, position]
            members[at, position] = incoming
            outside[at, outgoing], outside[at, incoming] = 0.0, -torch.inf
            gain += self.stored[incoming].double() - self.stored[outgoing].double()
        return ended

    def _steepest(self, members: torch.Tensor, gain: torch.Tensor, outside: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The best of all swaps of each restart: its gain, the position of the member, the incoming example; (R,) each.

        Exact: a pair that is not among the listed lowest entries of the member's row gains at most the largest gain outside minus
        the member's minus the row's last listed entry; where that could win, the members' whole rows are read.
        """
        inside, open_gain = gain.gather(1, members), gain + outside
        high, first = open_gain.max(1)
        lists = self.low_value[members]
        swaps = open_gain.gather(1, self.low_index[members].flatten(1)).view(lists.shape) - inside[:, :, None] - lists
        best, at = swaps.flatten(1).max(1)
        position = at // lists.shape[2]
        incoming = self.low_index[members.gather(1, position[:, None])[:, 0], at % lists.shape[2]]
        # The highest outside for the lowest inside need not be listed.
        low, lowest = inside.min(1)
        plain = high - low - self.stored[members.gather(1, lowest[:, None])[:, 0], first]
        better = plain > best
        best, position = torch.where(better, plain, best), torch.where(better, lowest, position)
        incoming = torch.where(better, first, incoming)
        unproven = high - (inside + lists[:, :, -1]).min(1).values > best
        for restart in unproven.nonzero()[:, 0].tolist():
            best[restart], position[restart], incoming[restart] = self._scan(
                members[restart], inside[restart], open_gain[restart]
            )
        return best, position, incoming

    def _scan(self, members: torch.Tensor, inside: torch.Tensor, open_gain: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The best of all k (n - k) swaps of one restart, from the members' whole rows."""
        values, indices = [], []
        for rows in members.split(512):
            value, index = (open_gain - self.stored[rows]).max(1)
            values.append(value)
            indices.append(index)
        best, position = (torch.cat(values) - inside).max(0)
        return best, position, torch.cat(indices)[position]

    def _finish(self, which, members, gain, outside, d, ended) -> None:
        """Writes the results of restarts that no swap improves."""
        inside = gain.gather(1, members)
        objective = (inside + d[members]).sum(1) / 2
        for row, restart in enumerate(which.tolist()):
            best, _, _ = self._scan(members[row], inside[row], gain[row] + outside[row])
            ended[0][restart], ended[1][restart] = members[row].cpu().numpy(), float(objective[row])
            ended[2][restart] = bool(best <= self.tolerance)
