"""All restarts at once on a torch device against the compiled search on a processor."""

import numpy as np
import pytest

from rethinking_backdoors.detection import batched
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


def test_few_restarts_at_once_change_nothing(monkeypatch):
    pairs = pair_sums(np.random.default_rng(1).standard_normal((100, 100)).astype(np.float32))
    whole = batched.search_batched(pairs, [10], 7, seed=0, device="cpu")
    monkeypatch.setattr(batched, "_NUMBERS", 1)
    same(batched.search_batched(pairs, [10], 7, seed=0, device="cpu"), whole)


def test_swaps_that_no_list_holds_are_found(monkeypatch):
    """With lists of a single entry nearly every step has to read whole rows."""
    pairs = pair_sums(np.random.default_rng(2).standard_normal((120, 120)).astype(np.float32))
    short = type(pairs)(**{**vars(pairs), "low_value": pairs.low_value[:, :1].copy(), "low_index": pairs.low_index[:, :1].copy()})
    found = batched.search_batched(short, [8, 30], 10, seed=0, device="cpu")
    same(found, search_pairs(pairs, [8, 30], 10, seed=0))
