"""The search of ``search`` for all restarts of a size at once, on any torch device."""

from collections.abc import Callable, Iterable

import numpy as np
import torch

from rethinking_backdoors.detection.pairs import Pairs
from rethinking_backdoors.detection.search import TOLERANCE, Solutions, check, start
from rethinking_backdoors.seeds import generator

# Bytes that one step may hold besides S where the device does not say what is free: how many restarts are searched at once.
_BYTES = 2**34
# Of each restart, the members whose swaps could gain most and the examples outside with the highest gains, of which all pairs are
# tried in each step. Whole rows are then hardly ever read: in noise of 3,000 to 30,000 examples none in a thousand steps, where
# classes harm one another at most one a step.
_MEMBERS, _OUTSIDE = 64, 128
# Examples of which only the highest gain is looked at first.
_BLOCK = 16
# Rows of S that are read whole at once.
_ROWS = 1024


def search_batched(
    pairs: Pairs,
    sizes: list[int],
    restarts: int,
    *,
    seed: int,
    starts: str = "random",
    device: str,
    progress: Callable[[list[int]], Iterable[int]] = iter,
) -> Solutions:
    """Maximises eq. 7 for every size from many starts, as ``search_pairs`` does: same starts, same rule, gains in float64.

    Args:
        pairs, sizes, restarts, seed, starts, progress: see ``search_pairs``.
        device: where S goes, once for all sizes, and the gains. Besides S at most half of what a GPU has free is used, and
            16 GiB elsewhere.

    Returns:
        Up to rounding the solutions of ``search_pairs``: sums are taken in another order, so that a tie may break another way.
    """
    n = len(pairs.diagonal)
    check(n, sizes, starts)
    search = _Batch(pairs, device)
    members, objective, certified = [], np.empty((len(sizes), restarts)), np.empty((len(sizes), restarts), dtype=bool)
    for row, size in enumerate(progress(sizes)):
        found = np.stack([start(pairs.row, n, size, generator(seed, "restart", size, r), starts) for r in range(restarts)])
        step = max(1, _room(device) // search.bytes(size))
        for first in range(0, restarts, step):
            part = slice(first, first + step)
            found[part], objective[row, part], certified[row, part] = search.climb(found[part], pairs.linear(size))
        members.append(np.sort(found, axis=1))
    return Solutions(np.array(sizes), members, objective / pairs.scale, certified)


def _room(device: str) -> int:
    """Bytes that one step may hold besides S."""
    return torch.cuda.mem_get_info(device)[0] // 2 if device.startswith("cuda") else _BYTES


class _Batch:
    """S on a device, with each row's lowest entries.

    Of R restarts, ``members`` (R, k) holds the sets, ``inside`` (R, k) float64 the members' gains, and ``gain`` (R, n) float64
    those of the examples outside, minus infinity at members.
    """

    def __init__(self, pairs: Pairs, device: str):
        stored = pairs.stored if pairs.stored.dtype == np.float32 else pairs.stored.view(np.float16)
        self.stored = torch.from_numpy(stored).to(device)
        self.low_index = torch.from_numpy(pairs.low_index).to(device).long()
        self.lowest, self.last = (torch.from_numpy(pairs.low_value[:, at].astype(np.float64)).to(device) for at in (0, -1))
        self.tolerance, self.device = TOLERANCE * pairs.largest, device

    def bytes(self, size: int) -> int:
        """What a step of one restart holds: gains twice while ended restarts are left out, a row of S, and the pairs tried."""
        n, listed = self.low_index.shape
        return 24 * n + 64 * size + 40 * min(_MEMBERS, size) * (listed + _OUTSIDE) + 40 * _BLOCK * _OUTSIDE

    def climb(self, found: np.ndarray, linear: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Local optima reached from the sets ``found`` (R, k): their members (R, k), objectives and certificates (R,)."""
        members, d = torch.tensor(found, device=self.device), torch.from_numpy(linear).to(self.device)
        gain = d.repeat(len(members), 1)
        for position in range(members.shape[1]):
            gain += self.stored[members[:, position]]
        inside = gain.gather(1, members)
        gain.scatter_(1, members, -torch.inf)
        ends, objective = torch.empty_like(members), torch.empty_like(inside[:, 0])
        certified = torch.empty_like(objective, dtype=torch.bool)
        which = torch.arange(len(members), device=self.device)
        while len(which):
            best, position, incoming = self._steepest(members, inside, gain)
            going = best > self.tolerance
            if not going.all():
                done, left = (~going).nonzero()[:, 0], going.nonzero()[:, 0]
                ends[which[done]], objective[which[done]] = members[done], (inside[done] + d[members[done]]).sum(1) / 2
                certified[which[done]] = self._certify(members[done], inside[done], gain[done])
                which, members, inside, gain = (array[left] for array in (which, members, inside, gain))
                position, incoming = position[left], incoming[left]
            self._swap(members, inside, gain, position, incoming)
        return ends.cpu().numpy(), objective.cpu().numpy(), certified.cpu().numpy()

    def _swap(
        self, members: torch.Tensor, inside: torch.Tensor, gain: torch.Tensor, position: torch.Tensor, incoming: torch.Tensor
    ) -> None:
        """Puts ``incoming`` (R,) in the place of the members at ``position`` (R,)."""
        position, added = position[:, None], incoming[:, None]
        removed, freed = members.gather(1, position), inside.gather(1, position)
        members.scatter_(1, position, added)
        inside.scatter_(1, position, gain.gather(1, added))
        gain.scatter_(1, added, -torch.inf).scatter_(1, removed, freed)
        # One row after the other: their difference in float64 would be another array as large as the gains.
        rows = self.stored[incoming]
        gain += rows
        inside += rows.gather(1, members)
        rows = self.stored[removed[:, 0]]
        gain -= rows
        inside -= rows.gather(1, members)

    def _steepest(self, members: torch.Tensor, inside: torch.Tensor, gain: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The best of all swaps of each restart: its gain, the position of the member, the incoming example; (R,) each.

        Exact: the members whose swaps could gain most are tried with the examples of their rows' lowest entries and with those of
        the highest gains; the whole row is read of each member with which another swap could gain more than the best of these.
        """
        highest, outside = _highest(gain, min(_OUTSIDE, gain.shape[1]))
        # The most that a swap could gain with each member, first any swap, then one that was not tried.
        bound = highest[:, :1] - inside - self.lowest[members]
        tried = bound.topk(min(_MEMBERS, bound.shape[1]), sorted=False).indices
        rows, own = members.gather(1, tried), inside.gather(1, tried)
        columns = torch.cat((self.low_index[rows], outside[:, None].expand(-1, rows.shape[1], -1)), 2)
        swaps = gain.gather(1, columns.flatten(1)).view_as(columns) - own[:, :, None]
        swaps -= self.stored[rows[:, :, None], columns]
        best, at = swaps.flatten(1).max(1)
        position = tried.gather(1, at[:, None] // columns.shape[2])[:, 0]
        incoming = columns.flatten(1).gather(1, at[:, None])[:, 0]
        bound.scatter_(1, tried, highest[:, -1:] - own - self.last[rows])
        wanted = bound > best[:, None]
        if wanted.any():
            values, columns = self._scan(wanted, members, inside, gain)
            value, at = values.max(1)
            better = value > best
            best, position = torch.where(better, value, best), torch.where(better, at, position)
            incoming = torch.where(better, columns.gather(1, at[:, None])[:, 0], incoming)
        return best, position, incoming

    def _scan(
        self, wanted: torch.Tensor, members: torch.Tensor, inside: torch.Tensor, gain: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The best swap of each member in ``wanted`` (R, k) bool, from its whole row: gain and incoming example, (R, k) each.

        The gain of the other members is minus infinity.
        """
        values, columns = torch.full_like(inside, -torch.inf), torch.zeros_like(members)
        for restart, position in (part.unbind(1) for part in wanted.nonzero().split(_ROWS)):
            value, columns[restart, position] = (gain[restart] - self.stored[members[restart, position]]).max(1)
            values[restart, position] = value - inside[restart, position]
        return values, columns

    def _certify(self, members: torch.Tensor, inside: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
        """Whether no swap over all k (n - k) pairs improves the sets, (R,); reads the rows whose lowest entry leaves it open."""
        wanted = gain.amax(1, keepdim=True) - inside - self.lowest[members] > 0
        return self._scan(wanted, members, inside, gain)[0].amax(1) <= self.tolerance


def _highest(gain: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The ``count`` largest values of each row of (R, n), descending, and their columns.

    They lie in the blocks with the ``count`` largest maxima: two short selections instead of one that reads all n many times.
    """
    n, blocks = gain.shape[1], max(1, gain.shape[1] // _BLOCK)
    length = n // blocks
    top = gain[:, : length * blocks].unflatten(1, (length, blocks)).amax(1).topk(min(count, blocks), sorted=False).indices
    inner = top[:, None] + torch.arange(0, length * blocks, blocks, device=gain.device)[:, None]
    rest = torch.arange(length * blocks, n, device=gain.device).expand(len(gain), -1)
    columns = torch.cat((inner.flatten(1), rest), 1)
    value, at = gain.gather(1, columns).topk(count)
    return value, columns.gather(1, at)
