import numpy as np
import pytest

from rethinking_backdoors.detection.objective import objective
from rethinking_backdoors.detection.pairs import LISTED, pair_sums


def noise(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, n)).astype(np.float32)


def whole(pairs):
    return np.stack([pairs.row(i) for i in range(len(pairs.diagonal))]) / pairs.scale


@pytest.mark.parametrize("n", [5, 600])
def test_the_matrix_is_w_plus_its_transpose_without_a_diagonal(n):
    weights = noise(n)
    expected = weights + weights.T
    np.fill_diagonal(expected, 0)
    pairs = pair_sums(weights)
    assert (whole(pairs) == expected).all()
    assert pairs.largest == np.abs(expected).max()
    assert (pairs.row(3) == expected[3]).all()


def test_pairs_and_linear_terms_make_up_the_objective():
    weights, v = noise(9), np.zeros(9)
    v[[1, 2, 6, 8]] = 1
    pairs = pair_sums(weights)
    value = v @ whole(pairs) @ v / 2 + pairs.linear(4) @ v
    assert value == pytest.approx(objective(weights.astype(float), np.array([1, 2, 6, 8])), rel=1e-6)


@pytest.mark.parametrize("factor", [1e-12, 1e-6, 1.0, 1e9])
def test_float16_is_scaled_into_its_range(factor):
    weights = noise(80) * np.float32(factor)
    half = pair_sums(weights, out=np.empty((80, 80), dtype=np.float16))
    single = pair_sums(weights)
    assert np.abs(whole(half) - whole(single)).max() <= 2.0**-11 * np.abs(whole(single)).max()
    assert half.linear(8) == pytest.approx(single.linear(8) * half.scale)
    assert np.log2(half.scale) % 1 == 0
    assert half.row(0).max() < 2**15


def test_float16_takes_the_place_of_float16():
    weights = noise(600).astype(np.float16)
    expected = pair_sums(weights.copy(), out=np.empty((600, 600), dtype=np.float16))
    found = pair_sums(weights, out=weights)
    assert np.shares_memory(found.stored, weights)
    assert (found.stored == expected.stored).all()


@pytest.mark.parametrize(("n", "dtype"), [(40, np.float32), (900, np.float32), (900, np.float16)])
def test_the_lists_are_the_lowest_entries_of_each_row(n, dtype):
    pairs = pair_sums(noise(n), out=np.empty((n, n), dtype=dtype), threads=2)
    rows = np.stack([pairs.row(i) for i in range(n)])
    assert (pairs.low_value == np.sort(rows, axis=1)[:, :LISTED]).all()
    assert (np.take_along_axis(rows, pairs.low_index.astype(np.int64), 1) == pairs.low_value).all()
    assert all(len(set(row)) == min(n, LISTED) for row in pairs.low_index)


def test_what_is_no_weight_matrix_is_refused():
    weights = noise(9)
    with pytest.raises(ValueError, match="square"):
        pair_sums(weights[:5])
    with pytest.raises(ValueError, match="out must be a writable"):
        pair_sums(weights, out=np.empty((9, 9), dtype=np.float64))
    with pytest.raises(ValueError, match="share no memory"):
        pair_sums(weights, out=weights[::1])
    for wrong in (np.nan, np.inf):
        weights[2, 3], weights[4, 3] = wrong, -wrong
        with pytest.raises(ValueError, match="not finite"):
            pair_sums(weights)


def test_a_matrix_of_zeros_has_no_scale_to_find():
    assert (whole(pair_sums(np.zeros((4, 4), dtype=np.float32), out=np.empty((4, 4), dtype=np.float16))) == 0).all()
