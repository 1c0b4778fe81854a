from itertools import combinations, pairwise

import numpy as np
import pytest

from rethinking_backdoors.detection import search as module
from rethinking_backdoors.detection.objective import objective
from rethinking_backdoors.detection.search import search
from rethinking_backdoors.seeds import generator


def noise(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, n)).astype(np.float32)


def planted(n, block, height, seed=0):
    weights = noise(n, seed)
    weights -= weights.mean(0)
    weights[np.ix_(block, block)] += height
    return weights


def swaps(weights, members):
    """The objective after every single swap, by its definition."""
    outside = np.setdiff1d(np.arange(len(weights)), members)
    return {
        (r, a): objective(weights, np.append(np.setdiff1d(members, [r]), a)) for r in members for a in outside
    }  # fmt: skip


def naive(weights, members):
    """Steepest single swaps until none improves, recomputing the objective of every swap; also the values on the way."""
    members, values = np.array(members), [objective(weights, np.array(members))]
    while True:
        table = swaps(weights, members)
        (r, a), best = max(table.items(), key=lambda item: item[1])
        if best <= values[-1] + 1e-5:
            return np.sort(members), values
        members = np.append(np.setdiff1d(members, [r]), a)
        values.append(best)


@pytest.mark.parametrize("starts", ["random", "partners"])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_each_restart_ends_where_the_naive_search_ends(size, starts):
    weights = noise(20, size)
    found = search(weights, [size], 6, seed=4, starts=starts)
    pairs = module.pair_matrix(weights)
    for restart in range(6):
        start = module._start(pairs, size, generator(4, "restart", size, restart), starts)
        members, values = naive(weights.astype(float), start)
        assert found.members[0][restart].tolist() == members.tolist()
        assert found.objective[0, restart] == pytest.approx(values[-1], abs=1e-4)
        assert all(later > earlier for earlier, later in pairwise(values))


def test_no_swap_improves_a_certified_solution():
    weights = noise(25, 7)
    found = search(weights, [2, 6, 12], 5, seed=0)
    assert found.certified.all()
    for members, values in zip(found.members, found.objective, strict=True):
        for solution, value in zip(members, values, strict=True):
            assert value == pytest.approx(objective(weights.astype(float), solution), abs=1e-4)
            assert max(swaps(weights.astype(float), solution).values()) <= value + 1e-4


@pytest.mark.parametrize("size", [2, 3, 4])
def test_tiny_matrices_agree_with_exhaustive_search_of_eq_6(size):
    for seed in range(5):
        weights = noise(10, seed)
        best = max(objective(weights.astype(float), np.array(s)) for s in combinations(range(10), size))
        found = search(weights, [size], 60, seed=seed)
        assert found.objective.max() == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("starts", ["random", "partners"])
def test_a_planted_block_is_found(starts):
    block = np.random.default_rng(5).choice(300, 20, replace=False)
    found = search(planted(300, block, 1.5), [20], 20, seed=1, starts=starts)
    best = found.members[0][found.objective[0].argmax()]
    assert best.tolist() == sorted(block)


def test_the_penalty_is_the_column_sum_so_a_loud_row_is_preferred_and_a_loud_column_is_not():
    weights = noise(40) * 0.01
    loud_row, loud_column = weights.copy(), weights.copy()
    loud_row[3, :] += 1
    loud_column[:, 3] += 1
    assert all(3 in members for members in search(loud_row, [5], 10, seed=0).members[0])
    # The same matrix the wrong way round gives another answer: orientation matters and cannot be guessed.
    assert not all(3 in members for members in search(loud_row.T.copy(), [5], 10, seed=0).members[0])
    # What raises the margin of one target whoever is trained on changes nothing in eq. 7.
    assert search(loud_column, [5], 10, seed=0).members[0].tolist() == search(weights, [5], 10, seed=0).members[0].tolist()


def test_any_subset_of_restarts_and_sizes_reproduces():
    weights = noise(50)
    many, few = search(weights, [5, 9], 12, seed=3), search(weights, [9], 4, seed=3)
    assert many.members[1][:4].tolist() == few.members[0].tolist()
    assert search(weights, [9], 4, seed=4).members[0].tolist() != few.members[0].tolist()


def test_partner_starts_are_an_example_and_its_strongest_partners():
    pairs = module.pair_matrix(noise(30))
    start = module._start(pairs, 6, generator(0, "x"), "partners")
    first = int(generator(0, "x").integers(30))
    partners = [i for i in np.argsort(-pairs[first]) if i != first][:5]
    assert sorted(start) == sorted([first, *partners])


@pytest.mark.parametrize(("sizes", "starts"), [([0], "random"), ([26], "random"), ([5], "warm")])
def test_what_cannot_be_searched_is_refused(sizes, starts):
    with pytest.raises(ValueError, match=r"sizes must|starts must"):
        search(noise(50), sizes, 2, seed=0, starts=starts)
