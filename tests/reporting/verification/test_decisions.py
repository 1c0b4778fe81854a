"""The tests behind the verdicts: against scipy, by hand, and in simulated studies."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from rethinking_backdoors.reporting.verification.decisions import holm, overall, p_value, seeds_needed, sides


def test_a_p_value_is_scipys():
    values = np.array([3.1, 2.4, 2.9, 4.0])
    assert p_value(values, 2.0) == pytest.approx(ttest_1samp(values, 2.0, alternative="greater").pvalue)
    assert p_value(values[:1], 2.0) == 1.0
    assert (p_value(np.full(3, 2.5), 2.0), p_value(np.full(3, 2.0), 2.0), p_value(np.full(3, 1.0), 2.0)) == (0, 1, 1)


def test_holm_by_hand():
    # 4 * .01, 3 * .013 is less than that and so becomes it, 2 * .03, 1 * .5.
    assert holm({1: 0.013, 2: 0.5, 3: 0.01, 4: 0.03}) == pytest.approx({3: 0.04, 1: 0.04, 4: 0.06, 2: 0.5})


def test_sides_and_bounds():
    groups = {1: np.array([3.0, 3.1, 2.9]), 2: np.array([1.0, 1.1, 0.9]), 3: np.array([1.0, 3.0, 2.1]), 4: np.array([9.0])}
    assert sides(groups, "above", 2.0) == {1: "holds", 2: "fails", 3: "not decided", 4: "not decided"}
    assert sides(groups, "below", 2.0) == {1: "fails", 2: "holds", 3: "not decided", 4: "not decided"}
    exactly = {1: np.full(3, 2.0)}
    assert [sides(exactly, sense, 2.0)[1] for sense in ("above", "at_least", "below")] == ["fails", "holds", "fails"]


def test_the_exceptions_are_allowed_and_no_more():
    assert overall({1: "holds", 2: "fails", 3: "holds"}, 1) == "holds"
    assert overall({1: "holds", 2: "fails", 3: "fails"}, 1) == "fails"
    assert overall({1: "holds", 2: "not decided", 3: "not decided"}, 1) == "not decided"
    assert overall({}, 0) == "not decided"


@pytest.mark.parametrize("seeds", [3, 10])
def test_at_the_bound_a_claim_holds_or_fails_in_at_most_one_of_twenty_studies(seeds):
    rng = np.random.default_rng(seeds)
    found = [overall(sides(dict(enumerate(rng.standard_normal((8, seeds)))), "above", 0.0), 0) for _ in range(1000)]
    # Three standard errors of a share of 5 % among 1,000.
    assert found.count("fails") / len(found) < 0.05 + 0.021
    assert found.count("holds") / len(found) < 0.05 + 0.021


def test_the_seeds_that_would_decide_do_decide():
    """As many seeds as are named decide about four times in five, half as many less often."""
    rng = np.random.default_rng(1)
    sample = np.array([0.2, 1.2, 0.4, 1.4, 0.8])
    effect = sample.mean() / sample.std(ddof=1)
    count = seeds_needed(sample, 0.0, tests=1)
    decided = {
        number: np.mean([p_value(rng.standard_normal(number) + effect, 0.0) <= 0.05 for _ in range(2000)])
        for number in (count - 1, count)
    }
    assert decided[count - 1] - 0.03 < 0.8 < decided[count] + 0.03
    assert seeds_needed(np.array([1.0, 1.0]), 1.0, 1) is None
    assert seeds_needed(np.array([0.01, -0.01, 0.001]), 0.0, 1) is None
