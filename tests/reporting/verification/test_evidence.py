from itertools import combinations

import numpy as np
import pytest

from rethinking_backdoors.detection.objective import objective
from rethinking_backdoors.detection.pairs import pair_sums
from rethinking_backdoors.reporting.verification import evidence


def test_pair_means_are_those_of_the_groups_without_the_diagonal(monkeypatch):
    monkeypatch.setattr(evidence, "BLOCK", 4)
    weights = np.random.default_rng(0).standard_normal((10, 10)).astype(np.float32)
    poisoned = np.arange(10) < 3
    found = {(row, column): value for _, row, column, value in evidence.pair_means(weights, poisoned)}
    pairs = [(i, j) for i in range(10) for j in range(10) if i != j]
    groups = {"poison_to_poison": (True, True), "poison_to_clean": (True, False), "clean_to_clean": (False, False)}
    for name, (source, target) in groups.items():
        values = [weights[i, j] for i, j in pairs if (poisoned[i], poisoned[j]) == (source, target)]
        assert found[name, "mean"] == pytest.approx(np.mean(values))
        assert found[name, "sd"] == pytest.approx(np.std(values))


def found(n, *sets):
    """The same sets as found on either half, (2, sets, n)."""
    return np.stack([[np.isin(np.arange(n), members) for members in sets]] * 2).reshape(2, len(sets), n)


def share_of(halves, support, sets):
    return evidence.objective_of_poison((weights.copy() for weights in halves), support, sets)


def test_a_planted_block_is_the_maximum_and_a_random_set_is_not():
    rng = np.random.default_rng(1)
    weights = 0.1 * rng.standard_normal((14, 14)).astype(np.float32)
    weights[:4, :4] += 1
    best = max(objective(weights, np.array(members)) for members in combinations(range(14), 4))
    planted, other, halves = np.arange(4), np.array([2, 6, 9, 12]), (weights, weights)
    assert objective(weights, planted) == pytest.approx(best)
    assert share_of(halves, planted, found(14, other)) == pytest.approx(100)
    share = share_of(halves, other, found(14, other))
    assert share == pytest.approx(100 * objective(weights, other) / best)


def test_what_noise_alone_makes_better_is_no_better_on_other_models():
    """The winner's curse: in each half some set beats the weakly planted block, on the other half none does."""
    rng = np.random.default_rng(2)
    halves = [rng.standard_normal((40, 40)).astype(np.float32) for _ in range(2)]
    for weights in halves:
        weights[:5, :5] += 1
    planted = np.arange(5)
    same = [share_of((weights, weights), planted, found(40, planted)) for weights in halves]
    assert max(same) < 100
    assert share_of(halves, planted, found(40, planted)) > 100


def test_a_better_set_counts_only_if_it_was_found():
    # Two blocks apart: from the weaker one single swaps lead nowhere, because half of each is worth less.
    weights = np.zeros((20, 20), dtype=np.float32)
    weights[:4, :4], weights[10:14, 10:14] = 1, 2
    weaker, stronger, halves = np.arange(4), np.arange(10, 14), (weights, weights)
    assert share_of(halves, weaker, found(20)) == pytest.approx(100)
    # Found at another size, and brought to this one.
    for other in (np.arange(10, 13), np.array([*range(10, 14), 0, 7])):
        assert share_of(halves, weaker, found(20, other)) == pytest.approx(
            100 * objective(weights, weaker) / objective(weights, stronger)
        )


def test_a_set_is_resized_by_what_its_examples_contribute():
    weights = np.zeros((8, 8), dtype=np.float32)
    weights[:3, :3], weights[0, 5] = 1, 0.5
    pairs = pair_sums(weights)
    linear = np.zeros(8)
    assert sorted(evidence.resized(pairs, linear, np.array([0, 1, 2, 6]), 3)) == [0, 1, 2]
    assert sorted(evidence.resized(pairs, linear, np.array([0, 1, 2]), 4)) == [0, 1, 2, 5]


def strength():
    """Twenty examples, six poisoned; five curves of each group with known slopes."""
    k = np.arange(3, 10)
    slopes = np.array([0.5, 0.1, 0.4, 0.2, 0.3, 0.0, 0.01, -0.01, 0.02, -0.02])
    true = np.concatenate([np.linspace(1, 2, 6), np.linspace(-0.3, 0.3, 14)])
    rng = np.random.default_rng(2)
    return {
        "poisoned": np.arange(20) < 6,
        "k": k,
        "g_example": 1.0 + slopes[:, None] * (k - 6),
        "g_poisoned": 2.0 + (k - 6) / 2,
        "measured": true,
        "estimate_half": true + 1e-3 * rng.standard_normal(20),
        "measured_half": 0.1 + 3 * true,
        "estimate_again": true + 1e-3 * rng.standard_normal(20),
        "measured_again": 0.1 + 3 * true,
    }


def test_the_curves_are_read_off():
    found = {(row, column): value for _, row, column, value in evidence.curves(strength())}
    assert (found["k", "k_first"], found["k", "k_last"]) == (3, 9)
    assert [found["poisoned", f"margin_{at}"] for at in ("first", "middle", "last")] == [0.5, 2.0, 3.5]
    assert [found["poisoned", f"slope_{rank}"] for rank in range(1, 6)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert found["clean", "slope_1"] == pytest.approx(-0.02)
    assert found["clean", "level_3"] == pytest.approx(1.0)
    assert found["poisoned", "strength_mean"] == pytest.approx(1.5)


def test_the_line_is_fitted_to_the_poisoned():
    found = {(row, column): value for _, row, column, value in evidence.lines(strength())}
    assert found["poisoned", "slope"] == pytest.approx(3, abs=0.02)
    assert found["poisoned", "correlation"] == pytest.approx(1, abs=1e-3)
    assert found["poisoned", "y_high"] == pytest.approx(6.1, abs=0.02)


def test_noise_cancels_in_the_root_mean_square_of_slopes():
    rng = np.random.default_rng(3)
    arrays = {**strength(), "poisoned": np.arange(20_000) < 6, "measured": np.zeros(20_000)}
    for true in (0.0, 0.5):
        for half in ("estimate_half", "measured_half"):
            arrays[half] = true + rng.standard_normal(20_000)
        found = {(row, column): value for _, row, column, value in evidence.curves(arrays)}
        assert found["clean", "strength_rms"] == pytest.approx(true, abs=0.15)
