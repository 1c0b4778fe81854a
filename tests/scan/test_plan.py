import numpy as np
import pytest

from rethinking_backdoors.detection.groups import permuted_deviation
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.scan.plan import fractions_of, models_of, noise_of, plan, seconds


def test_budgets_are_read_as_people_write_them():
    assert [seconds(text) for text in ("90s", "30m", "2h", "1.5m", 45, "45")] == [90, 1800, 7200, 90, 45, 45]
    for text in ("soon", "", "-3m", "0", "3d"):
        with pytest.raises(InputError, match="give a time such as 90s, 30m or 2h"):
            seconds(text)


def test_no_subset_has_fewer_than_thirty_examples():
    assert fractions_of(1500) == [0.5, 0.2, 0.02]
    assert fractions_of(50_000) == [0.5, 0.2, 0.02]
    assert fractions_of(600) == [0.5, 0.2, 0.05]
    assert fractions_of(150) == [0.5, 0.2]
    assert fractions_of(100) == [0.5, 0.3]


def test_every_fraction_costs_the_same():
    # Ten epochs: 15 passes of all examples to train on half of them (three a pass and its gradient) and one for the margins.
    assert models_of(1000, 0.5, 10) == 1000
    assert models_of(1000, 0.2, 10) == round(1000 * 16 / 7)
    assert models_of(1000, 0.02, 10) == 10_000
    assert models_of(1000, 0.02, None) == 1000


def test_what_a_budget_buys():
    def bought(left, threads=2):
        return plan([0.5, 0.2], [1.0, 2.3], 0.1, 5.0, left, threads, noise=1.0)

    assert bought(1000).looks == [1000, 2000, 4000, 8000]
    assert bought(100).looks == [1000]  # 90 s buy 1,800 units on two threads
    assert bought(40).looks == [600]
    assert bought(100).counts(1000) == [1000, 2300]
    assert bought(100).visible == pytest.approx(6 / np.sqrt(1000))
    assert bought(100).shard(0.5) == 64
    # What an earlier run has trained is not paid again, even where nothing is left of the budget.
    assert plan([0.5, 0.2], [1.0, 2.3], 0.1, 5.0, 40, 2, noise=1.0, already=700).looks == [1000]
    assert plan([0.5, 0.2], [1.0, 2.3], 0.1, 5.0, -40, 2, noise=1.0, already=700).looks == [700]
    with pytest.raises(InputError, match=r"The budget buys 40 units of models, 100 are needed: give 0\.2 minutes or more"):
        bought(12)


def test_the_noise_falls_with_the_root_of_the_models():
    rng = np.random.default_rng(0)
    masks, margins = rng.random((2000, 50)) < 0.5, rng.standard_normal((2000, 50))
    few = noise_of(masks[:100], margins[:100], np.random.default_rng(1))
    group = np.zeros(50, dtype=bool)
    group[np.random.default_rng(1).choice(50, 20, replace=False)] = True
    assert few / np.sqrt(2000) == pytest.approx(permuted_deviation(masks, margins, group), rel=0.2)
