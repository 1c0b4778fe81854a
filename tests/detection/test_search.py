import tracemalloc
from itertools import combinations, pairwise

import numpy as np
import pytest

from rethinking_backdoors.detection import ascent
from rethinking_backdoors.detection.objective import objective
from rethinking_backdoors.detection.pairs import pair_sums
from rethinking_backdoors.detection.search import search, start
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
    pairs = pair_sums(weights)
    for restart in range(6):
        drawn = start(pairs.row, 20, size, generator(4, "restart", size, restart), starts)
        members, values = naive(weights.astype(float), drawn)
        assert found.members[0][restart].tolist() == members.tolist()
        assert found.objective[0, restart] == pytest.approx(values[-1], abs=1e-4)
        assert all(later > earlier for earlier, later in pairwise(values))


def classes(n, seed=0):
    """Ten groups whose members help one another and harm the others: a row's lowest entries then say little."""
    group = np.arange(n) % 10
    return noise(n, seed) * 0.3 + np.where(group[:, None] == group, 1, -2).astype(np.float32)


def steepest(weights, members):
    """Steepest single swaps on W + W' in float64 numpy, every pair looked at; fast enough for hundreds of examples."""
    n, k, members = len(weights), len(members), np.array(members)
    pairs = weights.astype(float) + weights.T
    np.fill_diagonal(pairs, 0)
    linear = np.diagonal(weights) - k / n * weights.sum(0, dtype=float)
    while True:
        outside = np.setdiff1d(np.arange(n), members)
        gain = pairs[:, members].sum(1) + linear
        table = gain[outside] - gain[members][:, None] - pairs[np.ix_(members, outside)]
        row, column = np.unravel_index(table.argmax(), table.shape)
        if table[row, column] <= 1e-6 * np.abs(pairs).max():
            return np.sort(members), table.max()
        members[row] = outside[column]


@pytest.mark.parametrize("make", [noise, classes])
@pytest.mark.parametrize("size", [1, 7, 60, 200])
def test_rows_longer_than_the_lists_end_where_steepest_swaps_end(make, size):
    weights = make(400, size)
    found = search(weights, [size], 3, seed=2)
    for restart in range(3):
        drawn = start(None, 400, size, generator(2, "restart", size, restart), "random")
        members, _ = steepest(weights, drawn)
        assert found.members[0][restart].tolist() == members.tolist()
        assert found.objective[0, restart] == pytest.approx(objective(weights.astype(float), members), rel=1e-6)


def test_a_matrix_full_of_ties_ends_certified():
    weights = np.random.default_rng(0).integers(-1, 2, (300, 300)).astype(np.float32)
    found = search(weights, [40], 5, seed=0)
    assert found.certified.all()
    for members, value in zip(found.members[0], found.objective[0], strict=True):
        assert value == pytest.approx(objective(weights, members))
        assert steepest(weights, members)[0].tolist() == members.tolist()


@pytest.mark.parametrize("make", [noise, classes])
def test_the_certificate_is_the_best_of_all_swaps(make):
    weights = make(700)
    pairs, members = pair_sums(weights), np.random.default_rng(1).choice(700, 50, replace=False)
    gain, inside, top = np.empty(700), np.empty(50), np.empty(3)
    ascent.total(pairs.stored, members, pairs.linear(50), gain)
    before = gain.copy()
    ascent.enter(members, gain, inside, top)
    best, rows = ascent.best_swap(pairs.stored, pairs.low_value[members, 0].astype(float), members, inside, gain, top)
    table = before - before[members][:, None] - (weights + weights.T)[members]
    table[:, members] = -np.inf
    assert best == pytest.approx(table.max(), rel=1e-5)
    assert 0 < rows <= 50


def test_escaping_never_ends_below_the_first_local_optimum_and_can_end_above():
    weights = noise(400)
    weights -= weights.mean(0)
    plain, beyond = (search(weights, [5, 40, 150], 10, seed=3, escape=escape, threads=2) for escape in (False, True))
    assert (beyond.objective >= plain.objective - 1e-6).all()
    assert (beyond.objective > plain.objective + 0.1).any()
    assert beyond.certified.all()
    for members, values in zip(beyond.members, beyond.objective, strict=True):
        for solution, value in zip(members, values, strict=True):
            assert len(set(solution)) == len(solution)
            assert value == pytest.approx(objective(weights.astype(float), solution), rel=1e-5)
            assert steepest(weights, solution)[0].tolist() == solution.tolist()


def test_threads_change_nothing():
    weights = noise(400)
    one, two = (search(weights, [5, 40], 13, seed=3, threads=threads) for threads in (1, 2))
    for a, b in zip(one.members, two.members, strict=True):
        assert (a == b).all()
    assert (one.objective == two.objective).all()
    assert two.certified.all()


def test_half_precision_finds_what_single_precision_finds():
    # Weights of a real matrix's size, far below 1: stored unscaled they would lose most of their digits.
    weights = planted(400, np.arange(30), 1.5) * np.float32(1e-6)
    single = search(weights, [10, 30], 20, seed=0)
    half = search(weights, [10, 30], 20, seed=0, out=np.empty((400, 400), dtype=np.float16))
    assert half.certified.all()
    for row in range(2):
        assert half.objective[row].max() == pytest.approx(single.objective[row].max(), rel=1e-3)
    assert half.members[1][half.objective[1].argmax()].tolist() == list(range(30))
    # Each set's own value is that of eq. 7 up to the rounding of S.
    for members, value in zip(half.members[0], half.objective[0], strict=True):
        assert value == pytest.approx(objective(weights.astype(float), members), rel=2e-3)


def test_any_matrix_in_place_or_on_disk_gives_the_same(tmp_path):
    weights = noise(300)
    plain = search(weights, [8, 40], 6, seed=1)
    in_place = weights.copy()
    np.save(tmp_path / "W.npy", weights)
    on_disk = np.load(tmp_path / "W.npy", mmap_mode="r")
    scratch = np.lib.format.open_memmap(tmp_path / "S.npy", mode="w+", dtype=np.float32, shape=weights.shape)
    for given, out in ((in_place, in_place), (on_disk, scratch), (weights.astype(np.float64), None)):
        found = search(given, [8, 40], 6, seed=1, out=out)
        assert (found.objective == plain.objective).all()
        assert all((a == b).all() for a, b in zip(found.members, plain.members, strict=True))
    assert (in_place == scratch).all()
    assert (np.load(tmp_path / "W.npy") == weights).all()


def test_a_search_in_place_needs_no_second_matrix():
    weights = noise(2000)
    search(noise(70), [5], 2, seed=0)
    tracemalloc.start()
    search(weights, [5, 100], 2, seed=0, out=weights, threads=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.15 * weights.nbytes


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
    weights = noise(30)
    drawn = start(pair_sums(weights).row, 30, 6, generator(0, "x"), "partners")
    first = int(generator(0, "x").integers(30))
    partners = [i for i in np.argsort(-(weights + weights.T)[first]) if i != first][:5]
    assert sorted(drawn) == sorted([first, *partners])


@pytest.mark.parametrize(("sizes", "starts"), [([0], "random"), ([26], "random"), ([5], "warm")])
def test_what_cannot_be_searched_is_refused(sizes, starts):
    with pytest.raises(ValueError, match=r"sizes must|starts must"):
        search(noise(50), sizes, 2, seed=0, starts=starts)
