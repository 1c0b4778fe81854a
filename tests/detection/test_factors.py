import tracemalloc

import numpy as np
import pytest

from rethinking_backdoors.datamodels.difference import difference_in_means
from rethinking_backdoors.detection.factors import Factors, difference_factors, search_factors
from rethinking_backdoors.detection.objective import objective
from rethinking_backdoors.detection.pairs import pair_sums
from rethinking_backdoors.detection.search import search_pairs
from rethinking_backdoors.margins.arrays import pack


def models(m=61, n=150, dtype=np.float16, seed=0):
    """Masks of half the examples, and margins with offsets that centring must remove; m fills no whole number of bytes."""
    rng = np.random.default_rng(seed)
    masks = rng.random((m, n)) < 0.5
    margins = rng.standard_normal((m, n)) + rng.standard_normal(n) * 20
    # The first tenth help one another.
    margins[:, : n // 10] += masks[:, : n // 10].mean(1, keepdims=True)
    return masks, margins.astype(dtype)


def features(m=20, n=150, seed=1):
    rng = np.random.default_rng(seed)
    left, right = rng.standard_normal((2, m, n)).astype(np.float32)
    return Factors(left, right, rng.random(n) + 0.5, rng.standard_normal(n))


def dense(factors):
    """W in float64 by its definition."""
    left = factors.left
    if left.dtype == np.uint8:
        left = np.unpackbits(left, axis=0)[: len(factors.right)]
    return factors.scale[:, None] * (left.T.astype(float) @ (factors.right.astype(float) - factors.mean))


def agree(found, expected, weights):
    assert found.certified.all()
    assert expected.certified.all()
    assert found.sizes.tolist() == expected.sizes.tolist()
    for got, wanted, values in zip(found.members, expected.members, found.objective, strict=True):
        np.testing.assert_array_equal(got, wanted)
        np.testing.assert_allclose(values, [objective(weights, members) for members in got], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_factors_of_the_difference_in_means_give_its_weights(dtype):
    masks, margins = models(dtype=dtype)
    weights = difference_in_means(masks, margins)
    for form in (masks, pack([masks[:20], masks[20:]])):
        factors = difference_factors(form, [margins[:11], margins[11:]])
        assert factors.right.dtype == dtype
        np.testing.assert_allclose(dense(factors), weights, atol=2e-5)
    assert difference_factors(masks, margins).right is margins


@pytest.mark.parametrize("factors", [difference_factors(*models()), features()], ids=["masks", "features"])
def test_rows_diagonal_and_column_sums_are_those_of_the_matrix(factors):
    weights = dense(factors)
    pairs = weights + weights.T
    np.fill_diagonal(pairs, 0)
    examples = np.random.default_rng(2).permutation(len(weights))
    rows = np.empty(weights.shape, dtype=np.float32)
    factors.pair_rows(examples, rows)
    np.testing.assert_allclose(rows, pairs[examples], rtol=1e-6, atol=1e-6)
    alone = np.empty((1, len(weights)), dtype=np.float32)
    factors.pair_rows(examples[70:71], alone)
    np.testing.assert_array_equal(alone[0], rows[70])
    diagonal, column_sum = factors.linear_parts()
    np.testing.assert_allclose(diagonal, np.diagonal(weights), atol=1e-9)
    np.testing.assert_allclose(column_sum, weights.sum(0), atol=1e-9)


@pytest.mark.parametrize("starts", ["random", "partners"])
@pytest.mark.parametrize("factors", [difference_factors(*models()), features()], ids=["masks", "features"])
def test_solutions_are_those_of_the_dense_search(factors, starts):
    weights, sizes = dense(factors), [1, 2, 5, 15, 40, 75]
    pairs = pair_sums(weights.astype(np.float32))
    found = search_factors(factors, sizes, 6, seed=3, starts=starts)
    agree(found, search_pairs(pairs, sizes, 6, seed=3, starts=starts), weights)
    np.fill_diagonal(weights, 0)
    found = search_factors(factors, sizes, 6, seed=3, starts=starts, self_influence=False)
    agree(found, search_pairs(pairs.without_self(), sizes, 6, seed=3, starts=starts), weights)


def test_more_examples_than_a_block_of_any_kind():
    factors = difference_factors(*models(m=40, n=4500))
    weights = dense(factors)
    found = search_factors(factors, [3, 40], 2, seed=0)
    agree(found, search_pairs(pair_sums(weights.astype(np.float32)), [3, 40], 2, seed=0), weights)


def test_a_file_of_margins_stays_on_disk(tmp_path):
    masks, margins = models()
    np.save(tmp_path / "margins.npy", margins)
    mapped = difference_factors(masks, np.load(tmp_path / "margins.npy", mmap_mode="r"))
    assert isinstance(mapped.right.base, np.memmap)
    found, expected = (search_factors(factors, [10], 2, seed=0) for factors in (mapped, difference_factors(masks, margins)))
    np.testing.assert_array_equal(found.members, expected.members)


def test_memory_is_the_members_rows_and_a_few_vectors():
    masks, margins = models(m=30, n=20_000)
    size = 20
    search_factors(features(), [2], 1, seed=0)
    search_factors(difference_factors(*models()), [2], 1, seed=0)
    tracemalloc.start()
    search_factors(difference_factors(masks, margins), [size], 1, seed=0, starts="partners")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # W in float32 would be 1.6 GB.
    assert peak < (4 * size + 500) * 20_000


def test_what_does_not_fit_is_refused():
    masks, margins = models()
    with pytest.raises(ValueError, match="150 training examples"):
        difference_factors(masks, margins[:, :140])
    with pytest.raises(ValueError, match="NaN or infinite"):
        difference_factors(masks, np.where(np.arange(150) == 7, np.nan, margins))
    with pytest.raises(ValueError, match="every model's subset or in none"):
        difference_factors(masks & (np.arange(150) != 7), margins)
    with pytest.raises(ValueError, match="sizes must lie between"):
        search_factors(difference_factors(masks, margins), [76], 1, seed=0)
    with pytest.raises(ValueError, match="starts must be one of"):
        search_factors(difference_factors(masks, margins), [2], 1, seed=0, starts="all")
