import numpy as np

from rethinking_backdoors.margins.subsets import masks, subset


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
