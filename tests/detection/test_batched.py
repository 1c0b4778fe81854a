"""All restarts at once on a torch device against the compiled search on a processor."""

import numpy as np
import pytest
import torch

from rethinking_backdoors.detection import batched
from rethinking_backdoors.detection.objective import objective
from rethinking_backdoors.detection.pairs import pair_sums
from rethinking_backdoors.detection.search import search_pairs


def same(one, other):
    assert all((a == b).all() for a, b in zip(one.members, other.members, strict=True))
    assert np.allclose(one.objective, other.objective, rtol=1e-9)
    assert (one.certified == other.certified).all()
    assert one.certified.all()


@pytest.mark.parametrize("storage", [np.float32, np.float16])
@pytest.mark.parametrize("starts", ["random", "partners"])
@pytest.mark.parametrize("without_self", [False, True])
def test_the_solutions_are_those_of_the_compiled_search(storage, starts, without_self):
    weights = np.random.default_rng(0).standard_normal((180, 180)).astype(np.float32)
    weights[:12, :12] += 1
    pairs = pair_sums(weights, out=np.empty(weights.shape, dtype=storage))
    pairs = pairs.without_self() if without_self else pairs
    arguments = {"seed": 3, "starts": starts}
    found = batched.search_batched(pairs, [5, 12, 90], 20, device="cpu", **arguments)
    same(found, search_pairs(pairs, [5, 12, 90], 20, **arguments))


class Counted(batched._Batch):
    """Counts the copies of S, the steps of all restarts together, and the rows that were read whole to find their swaps."""

    made = steps = read = 0
    climbing = False

    def __init__(self, *arguments):
        Counted.made += 1
        super().__init__(*arguments)

    def _steepest(self, members, *arguments):
        Counted.steps, Counted.climbing = Counted.steps + len(members), True
        found = super()._steepest(members, *arguments)
        Counted.climbing = False
        return found

    def _scan(self, wanted, *arguments):
        Counted.read += Counted.climbing * int(wanted.sum())
        return super()._scan(wanted, *arguments)


@pytest.fixture
def counted(monkeypatch):
    Counted.made = Counted.steps = Counted.read = 0
    monkeypatch.setattr(batched, "_Batch", Counted)
    return Counted


def noise(n):
    weights = np.random.default_rng(4).standard_normal((n, n)).astype(np.float32)
    return weights - weights.mean(0)


def classes(n):
    """Ten groups whose members help one another and harm the others: a row's lowest entries then say little."""
    group = np.arange(n) % 10
    return noise(n) * 0.3 + np.where(group[:, None] == group, 1, -2).astype(np.float32)


@pytest.mark.parametrize("storage", [np.float32, np.float16])
@pytest.mark.parametrize(("make", "rows_a_step"), [(noise, 0.001), (classes, 1)])
def test_long_rows_are_hardly_ever_read_whole(counted, storage, make, rows_a_step):
    weights = make(2000)
    pairs = pair_sums(weights, out=np.empty(weights.shape, dtype=storage))
    found = batched.search_batched(pairs, [10, 250], 3, seed=1, device="cpu")
    same(found, search_pairs(pairs, [10, 250], 3, seed=1))
    assert counted.steps > 3 * 200
    assert counted.read <= rows_a_step * counted.steps


def test_all_sizes_share_one_copy_of_s_and_their_progress_is_told(counted):
    pairs, seen = pair_sums(noise(100)), []

    def tell(sizes):
        for size in sizes:
            seen.append((size, counted.steps))
            yield size

    found = batched.search_batched(pairs, [5, 20, 9], 3, seed=0, device="cpu", progress=tell)
    same(found, search_pairs(pairs, [5, 20, 9], 3, seed=0))
    assert counted.made == 1
    assert [size for size, _ in seen] == [5, 20, 9]
    assert 0 == seen[0][1] < seen[1][1] < seen[2][1] < counted.steps


def test_a_matrix_full_of_ties_ends_certified():
    weights = np.random.default_rng(0).integers(-1, 2, (300, 300)).astype(np.float32)
    found = batched.search_batched(pair_sums(weights), [40], 5, seed=0, device="cpu")
    assert found.certified.all()
    for members, value in zip(found.members[0], found.objective[0], strict=True):
        assert value == pytest.approx(objective(weights, members))


@pytest.mark.parametrize("n", [3, 15, 16, 31, 200, 1009])
@pytest.mark.parametrize("count", [1, 3, 64])
def test_the_highest_are_those_of_a_whole_sort(n, count):
    gain = torch.from_numpy(np.random.default_rng(n).standard_normal((5, n)))
    gain[:, :: 1 + n // 7] = -torch.inf
    value, column = batched._highest(gain, min(count, n))
    assert (value == gain.sort(1, descending=True).values[:, :count]).all()
    assert (gain.gather(1, column) == value).all()
    assert all(len(set(row)) == len(row) for row in column.tolist())


def test_few_restarts_and_rows_at_once_change_nothing(monkeypatch):
    pairs = pair_sums(np.random.default_rng(1).standard_normal((100, 100)).astype(np.float32))
    whole = batched.search_batched(pairs, [10], 7, seed=0, device="cpu")
    monkeypatch.setattr(batched, "_BYTES", 1)
    monkeypatch.setattr(batched, "_ROWS", 3)
    same(batched.search_batched(pairs, [10], 7, seed=0, device="cpu"), whole)


def test_swaps_that_were_not_tried_are_found(monkeypatch, counted):
    """With lists of a single entry and one pair tried, nearly every step has to read whole rows."""
    monkeypatch.setattr(batched, "_MEMBERS", 1)
    monkeypatch.setattr(batched, "_OUTSIDE", 1)
    pairs = pair_sums(np.random.default_rng(2).standard_normal((120, 120)).astype(np.float32))
    short = type(pairs)(**{**vars(pairs), "low_value": pairs.low_value[:, :1].copy(), "low_index": pairs.low_index[:, :1].copy()})
    found = batched.search_batched(short, [8, 30], 10, seed=0, device="cpu")
    same(found, search_pairs(pairs, [8, 30], 10, seed=0))
    assert counted.read > counted.steps


def test_a_set_that_a_swap_improves_is_not_certified():
    pairs = pair_sums(noise(150))
    batch, linear, found = batched._Batch(pairs, "cpu"), pairs.linear(20), np.arange(20)[None].repeat(2, 0)
    found[1] = batch.climb(found[1:], linear)[0]
    gain = torch.from_numpy(pairs.stored.astype(np.float64)[found].sum(1) + linear)
    members = torch.from_numpy(found)
    inside = gain.gather(1, members)
    gain.scatter_(1, members, -torch.inf)
    assert batch._certify(members, inside, gain).tolist() == [False, True]


def test_no_more_than_half_of_a_gpu_s_free_memory_is_used(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", {"cuda:1": (100, 1000)}.__getitem__)
    assert batched._room("cuda:1") == 50
    assert batched._room("cpu") == batched._BYTES
