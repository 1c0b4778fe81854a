import numpy as np
import pytest

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.margins.subsets import balanced_part, masks, percent, size_of, subset, subset_of_size


def test_a_subset_depends_on_root_alpha_and_index_alone():
    whole = masks(7, 0.5, range(40), 31)
    assert (masks(7, 0.5, range(25, 40), 31) == whole[25:]).all()
    assert (masks(7, 0.5, [3], 31)[0] == whole[3]).all()
    assert (np.flatnonzero(whole[11]) == subset(7, 0.5, 11, 31)).all()
    assert not (masks(8, 0.5, range(40), 31) == whole).all()


def test_the_size_is_exact_also_where_floats_are_not():
    for alpha, n, size in ((0.5, 1500, 750), (0.3, 1500, 450), (0.29, 100, 29), (0.57, 100, 57), (0.3, 50000, 15000)):
        assert len(set(subset(1, alpha, 0, n))) == size


def test_every_example_is_equally_likely_and_pairs_are_independent_of_place():
    drawn = masks(3, 0.3, range(4000), 20)
    # 6 of 20: mean 0.3, standard error 0.0072; pairs 6 * 5 / (20 * 19), standard error 0.0043.
    assert np.abs(drawn.mean(0) - 0.3).max() < 5 * 0.0072
    together = (drawn[:, :, None] & drawn[:, None, :]).mean(0)
    off = ~np.eye(20, dtype=bool)
    assert np.abs(together[off] - 30 / 380).max() < 5 * 0.0043


def test_any_fraction_has_exactly_its_share():
    assert (percent(0.5), percent(0.02), percent(0.005), percent(0.0167)) == (50, 2, "0.5", "1.67")
    assert [size_of(alpha, 1800) for alpha in (0.5, 0.02, 0.005, 0.0167)] == [900, 36, 9, 30]
    assert size_of(0.29, 100) == 29
    # Streams of fractions that are near each other are not the same.
    assert (subset(1, 0.005, 0, 1800) != subset(1, 0.0051, 0, 1800)[:9]).any()


def test_a_fixed_size_does_not_depend_on_the_number_of_examples():
    for n in (40, 4000):
        drawn = subset_of_size(3, 30, 5, n)
        assert len(set(drawn)) == 30
        assert drawn.max() < n
    assert (subset_of_size(3, 30, 5, 400) == subset_of_size(3, 30, 5, 400)).all()
    with pytest.raises(InputError, match="subsets of 41 of 40 examples"):
        subset_of_size(3, 41, 5, 40)


def test_balanced_parts_train_on_every_example_equally_often():
    drawn = [balanced_part(2, 7, index, 100) for index in range(7 * 5)]
    assert (np.bincount(np.concatenate(drawn)) == 5).all()
    assert {len(part) for part in drawn} == {14, 15}
    assert sorted(np.concatenate(drawn[7:14])) == list(range(100))
    assert (balanced_part(2, 7, 9, 100) == drawn[9]).all()
    assert (drawn[0] != drawn[7][: len(drawn[0])]).any()
    with pytest.raises(InputError, match="100 examples cannot be shared out among 101 models"):
        balanced_part(2, 101, 0, 100)
