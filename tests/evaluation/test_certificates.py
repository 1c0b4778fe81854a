"""Certificates on cases that can be counted by hand."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binom

from rethinking_backdoors.evaluation import certificates as c


def test_subsets_without_the_changed_examples_counted_one_by_one():
    subsets = list(combinations(range(7), 3))
    for changed in range(7):
        share = np.mean([not set(subset) & set(range(changed)) for subset in subsets])
        assert c.untouched(7, 3, changed) == pytest.approx(share)
    assert c.untouched_bags(10, 2, 3) == pytest.approx(0.49)


def test_half_data_models_certify_nothing_and_small_subsets_do():
    sure = np.array([1.0]), np.array([0.0])
    assert c.radius(*sure, c.untouched(1500, 750, np.arange(100))) == 0
    # With replacement (1 - r / 1500)^20 > 1/2 up to 51; without, 50 factors 1 - 20 / (1500 - i) are .505, 51 are .498.
    assert c.radius(*sure, c.untouched(1500, 20, np.arange(100))) == 50
    assert c.radius(*sure, c.untouched_bags(1500, 20, np.arange(100))) == 51


def test_the_radius_by_hand():
    # 2 (1 - kept) is 0, .5, .9, 1.2: gaps of .6, .5, 0.
    kept = np.array([1.0, 0.75, 0.55, 0.4])
    assert c.radius(np.array([0.8, 0.7, 0.5]), np.array([0.2, 0.2, 0.5]), kept).tolist() == [1, 0, -1]


def test_no_change_within_the_radius_turns_a_vote():
    """All 35 subsets of 3 of 7 as models: each says the majority of its three labels. Every change of one label is tried."""
    subsets = np.array(list(combinations(range(7), 3)))
    labels = np.array([0, 0, 0, 0, 0, 0, 1])

    def votes(labels):
        return np.bincount((labels[subsets].sum(1) > 1).astype(int), minlength=2)

    count = votes(labels)
    share = count / count.sum()
    safe = int(c.radius(share[:1], share[1:], c.untouched(7, 3, np.arange(5)))[0])
    assert safe >= 0
    for size in range(safe + 1):
        for changed in combinations(range(7), size):
            other = labels.copy()
            other[list(changed)] = 1
            assert votes(other).argmax() == 0


def test_the_bounds_hold_as_often_as_promised():
    rng, truth, missed = np.random.default_rng(0), np.array([0.6, 0.3, 0.1]), 0
    for _ in range(2000):
        votes = rng.multinomial(200, truth, size=1)
        lower, upper = c.bounds(votes, 0.05)
        missed += lower[0] > 0.6 or upper[0] < 0.3
    assert missed / 2000 < 0.05
    (low,), _ = c.bounds(np.array([[95, 5]]), 0.05)
    # Clopper and Pearson: 95 or more of 100 have a chance of .05 / 2 at the bound.
    assert binom.sf(94, 100, low) == pytest.approx(0.025, rel=1e-3)


def test_partitions():
    # Ahead by 10 - 4: three votes may go over, one changed example moves two of them. A tie's winner is the lower class.
    assert c.radius_of_partition(np.array([[10, 4], [4, 10], [5, 5], [10, 5]])).tolist() == [1, 1, 0, 1]
    assert c.radius_of_partition(np.array([[9, 0, 0]])).tolist() == [2]
