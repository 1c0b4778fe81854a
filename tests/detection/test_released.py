import numpy as np
import pytest

from rethinking_backdoors.detection.objective import objective
from rethinking_backdoors.detection.released import search_released
from rethinking_backdoors.detection.search import search
from rethinking_backdoors.seeds import generator


def noise(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, n)).astype(np.float32)


def by_the_description(matrix, members):
    """The rule word by word on the matrix that the released code is given, sums recomputed for every swap."""
    matrix, k, n = matrix.astype(float), len(members), len(matrix)
    np.fill_diagonal(matrix, 0)
    np.fill_diagonal(matrix, -matrix.sum(1) * k / n)
    diagonal, current, last = np.diagonal(matrix), list(members), 0.0
    for _ in range(100):
        state, barred, gained, best, best_state = list(current), set(), 0.0, 0.0, list(current)
        for _ in range(100):
            sums = matrix[:, state].sum(1) + matrix[state].sum(0) - diagonal
            inside = [i for i in state if i not in barred]
            outside = [i for i in range(n) if i not in barred and i not in state]
            if not inside or not outside:
                break
            removed, added = min(inside, key=lambda i: sums[i]), max(outside, key=lambda i: sums[i])
            barred |= {removed, added}
            state[state.index(removed)] = added
            gained += sums[added] - sums[removed]
            if gained > best:
                best, best_state = gained, list(state)
        current = best_state
        reached = matrix[np.ix_(current, current)].sum() - diagonal[:k].sum()
        if reached <= last:
            return sorted(current)
        last = reached
    raise AssertionError("100 rounds were not enough")


@pytest.mark.parametrize("orientation", ["train-rows", "train-columns"])
@pytest.mark.parametrize("size", [3, 12, 30])
def test_each_restart_ends_where_the_described_rule_ends(size, orientation):
    weights = noise(120, size) + np.random.default_rng(9).standard_normal((120, 1)).astype(np.float32) * 0.2
    found = search_released(weights, [size], 6, seed=2, orientation=orientation)
    given = weights if orientation == "train-rows" else weights.T
    for restart in range(6):
        drawn = generator(2, "restart", size, restart).choice(120, size, replace=False)
        assert found.members[0][restart].tolist() == by_the_description(given, drawn)


def test_which_sum_is_the_penalty():
    # Example 3 moves everybody's margin. A penalty on rows takes all of it back, eq. 7's penalty on columns takes nothing.
    loud_row = noise(60) * 0.01
    loud_row[3, :] += 1
    assert all(3 in members for members in search_released(loud_row, [6], 10, seed=0, orientation="train-columns").members[0])
    # The same matrix transposed is the other orientation, whatever the rule does.
    for one, other in (("train-rows", "train-columns"), ("train-columns", "train-rows")):
        a = search_released(loud_row, [6], 5, seed=0, orientation=one)
        b = search_released(np.ascontiguousarray(loud_row.T), [6], 5, seed=0, orientation=other)
        assert (a.members[0] == b.members[0]).all()
    by_rows = search_released(loud_row, [6], 10, seed=0, orientation="train-rows").members[0]
    by_columns = search_released(loud_row, [6], 10, seed=0, orientation="train-columns").members[0]
    assert by_rows.tolist() != by_columns.tolist()


def test_objective_and_certificate_are_those_of_eq_7():
    weights = noise(80, 4)
    weights[np.diag_indices(80)] += 3
    found = search_released(weights, [4, 20], 15, seed=1, orientation="train-rows", threads=2)
    assert not found.certified.all()
    for members, values, certified in zip(found.members, found.objective, found.certified, strict=True):
        for solution, value, local in zip(members, values, certified, strict=True):
            assert value == pytest.approx(objective(weights.astype(float), solution), rel=1e-5, abs=1e-4)
            best = max(
                objective(weights.astype(float), np.append(np.setdiff1d(solution, [r]), a))
                for r in solution
                for a in np.setdiff1d(np.arange(80), solution)
            )
            assert local == (best <= value + 1e-5)


def test_planted_blocks_are_found_by_escaping_swaps_at_least_as_often():
    hits = {"paper": 0, "released": 0}
    for seed in range(8):
        weights = noise(300, seed)
        weights -= weights.mean(0)
        block = np.random.default_rng(seed).choice(300, 15, replace=False)
        weights[np.ix_(block, block)] += 1.3
        ours = search(weights, [15], 10, seed=seed, escape=True)
        released = search_released(weights, [15], 10, seed=seed, orientation="train-columns")
        for name, found in (("paper", ours), ("released", released)):
            hits[name] += found.members[0][found.objective[0].argmax()].tolist() == sorted(block)
    assert hits["paper"] >= hits["released"]
    assert hits["paper"] >= 6


def test_an_unknown_orientation_is_refused():
    with pytest.raises(ValueError, match="orientation must be one of train-rows, train-columns"):
        search_released(noise(20), [3], 1, seed=0, orientation="rows")
