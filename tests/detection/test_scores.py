import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from rethinking_backdoors.datamodels import weights_of
from rethinking_backdoors.datamodels.difference import difference_in_means
from rethinking_backdoors.detection.control import contributions, cross_fitted, pair_objective
from rethinking_backdoors.detection.objective import objective
from rethinking_backdoors.detection.pairs import pair_sums
from rethinking_backdoors.detection.scores import detect, frequencies, ranking, scores, solve
from rethinking_backdoors.detection.search import Solutions
from rethinking_backdoors.margins.subsets import masks

DETECTOR = {"sizes": [5, 10], "restarts": 10, "starts": "random", "kept": 1.0, "self_influence": True}


def hand_made():
    members = [np.array([[0], [1], [1]]), np.array([[0, 2], [1, 2], [2, 3]])]
    objective = np.array([[3.0, 2.0, 1.0], [1.0, 5.0, 2.0]])
    return Solutions(np.array([1, 2]), members, objective, np.ones((2, 3), dtype=bool))


def test_eq_8_by_hand():
    counts = frequencies(hand_made(), 4)
    assert counts.tolist() == [[1, 2, 0, 0], [1, 1, 3, 1]]
    assert scores(counts, np.array([1, 2])) == pytest.approx([1.5, 2.5, 1.5, 0.5])


def test_only_the_best_restarts_count_if_so_asked():
    assert frequencies(hand_made(), 4, kept=1 / 3).tolist() == [[1, 0, 0, 0], [0, 1, 1, 0]]
    assert frequencies(hand_made(), 4, kept=0.01).tolist() == [[1, 0, 0, 0], [0, 1, 1, 0]]


@pytest.fixture
def block_matrix():
    weights = np.random.default_rng(0).standard_normal((120, 120)).astype(np.float32) * 0.05
    weights[np.ix_(range(10), range(10))] += 1
    return weights


def test_a_planted_block_has_the_highest_scores(block_matrix):
    found = detect(block_matrix, DETECTOR, seed=0)
    assert set(ranking(found["score"], 0)[:10]) == set(range(10))
    assert found["solution"][1].nonzero()[0].tolist() == list(range(10))
    assert found["certified"].all()


@pytest.mark.parametrize("starts", ["random", "partners"])
def test_permuting_the_examples_permutes_the_scores(block_matrix, starts):
    # From every start the search ends in the block, so the scores do not depend on which starts were drawn.
    detector = {**DETECTOR, "sizes": [10], "starts": starts}
    order = np.random.default_rng(1).permutation(120)
    plain = detect(block_matrix, detector, seed=0)["score"]
    permuted = detect(np.ascontiguousarray(block_matrix[np.ix_(order, order)]), detector, seed=0)["score"]
    assert (permuted == plain[order]).all()


def test_self_influence_can_be_left_out(block_matrix):
    # Ten examples that matter to themselves alone beat the block only where self-influence counts.
    block_matrix[range(50, 60), range(50, 60)] += 100
    kept = detect(block_matrix, {**DETECTOR, "sizes": [10]}, seed=0)["solution"][0]
    left_out = detect(block_matrix, {**DETECTOR, "sizes": [10], "self_influence": False}, seed=0)["solution"][0]
    assert kept.nonzero()[0].tolist() == list(range(50, 60))
    assert left_out.nonzero()[0].tolist() == list(range(10))


def test_equal_scores_are_ordered_by_the_seed_and_never_by_position():
    score = np.array([0.0, 2.0, 0.0, 0.0, 0.0, 0.0])
    orders = {tuple(ranking(score, seed)) for seed in range(20)}
    assert all(order[0] == 1 for order in orders)
    assert len({order[1] for order in orders}) > 2


def test_permuted_masks_hold_no_information_on_who_moves_whom():
    drawn = masks(1, 0.5, range(600), 60)
    # The first ten examples move one another's margins; noise elsewhere.
    values = np.random.default_rng(0).standard_normal((600, 60))
    values[:, :10] += np.random.default_rng(1).standard_normal((600, 10)) + drawn[:, :10].sum(1, keepdims=True)
    real = detect(difference_in_means(drawn, values), DETECTOR, seed=0)
    control = cross_fitted(drawn, values, difference_in_means, {"paper": DETECTOR, "again": DETECTOR}, 3, root=5)
    assert set(ranking(real["score"], 0)[:10]) == set(range(10))
    assert all(set(ranking(score, 0)[:10]) == set(range(10)) for score in control["paper"]["score"])
    assert control["paper"]["permuted"].shape == (3, 2, 60)
    assert control["paper"]["found"].shape == (2, 2, 60)
    assert all((control["paper"][name] == control["again"][name]).all() for name in control["paper"])
    permuted = difference_in_means(drawn[np.random.default_rng(2).permutation(600)], values)
    true = difference_in_means(drawn, values)
    assert true[:10, :10].mean() > 0.8
    assert abs(permuted[:10, :10].mean()) < 0.2


def test_contributions_add_up_to_the_objective_on_the_other_models():
    """Eq. 7 written out: an example adds its row and column within the set, and its own diagonal entry less the penalty."""
    rng = np.random.default_rng(8)
    first, second = rng.standard_normal((2, 30, 30)).astype(np.float32)
    for own in (True, False):
        detector = {**DETECTOR, "sizes": [4, 9], "restarts": 3, "self_influence": own}
        solutions, pairs = solve(pair_sums(first), detector, 0), pair_sums(second)
        score = contributions(solutions, pairs if own else pairs.without_self(), 1.0)
        weights = second.astype(np.float64) * (1 if own else 1 - np.eye(30))
        expected = np.zeros(30)
        for size, members in zip(solutions.sizes, solutions.members, strict=True):
            for found in members:
                for i in found:
                    shared = sum(weights[i, j] + weights[j, i] for j in found if j != i)
                    expected[i] += (shared + weights[i, i] - size / 30 * weights[:, i].sum()) / size
        np.testing.assert_allclose(score, expected, atol=1e-4)


@pytest.mark.parametrize("storage", ["float32", "float16"])
def test_the_objective_needs_no_more_than_the_sums_of_pairs(storage):
    weights = np.random.default_rng(9).standard_normal((30, 30)).astype(np.float32)
    pairs, members = pair_sums(weights, out=np.empty((30, 30), dtype=storage)), np.array([3, 8, 9, 21])
    assert pair_objective(pairs, members) == pytest.approx(objective(weights, members), rel=5e-3)


def test_a_search_in_the_place_of_the_matrix_finds_the_same():
    weights = np.random.default_rng(10).standard_normal((60, 60)).astype(np.float32)
    apart, there = detect(weights, DETECTOR, seed=0), detect(weights.copy(), DETECTOR, seed=0, overwrite=True)
    assert (apart["solution"] == there["solution"]).all()


def test_noise_of_unequal_size_does_not_pass_for_a_feature():
    """Targets that share a strong noise draw the search, but on other models they lie neither above nor below: 50 on average."""
    loud, plain, crossed, summed = np.arange(80) < 16, [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        drawn = masks(seed, 0.5, range(300), 80)
        values = rng.standard_normal((300, 80)) + loud * rng.standard_normal((300, 1)) * 2
        if seed < 6:
            plain.append(roc_auc_score(loud, detect(difference_in_means(drawn, values), DETECTOR, seed=0)["score"]))
        score = cross_fitted(drawn, values, difference_in_means, {"paper": DETECTOR}, 0, root=seed)["paper"]["score"]
        crossed.append(np.mean([roc_auc_score(loud, one) for one in score]))
        summed.append(roc_auc_score(loud, score.sum(0)))
    assert np.mean(plain) > 0.7
    # Three standard errors.
    assert abs(np.mean(crossed) - 0.5) < 3 * np.std(crossed) / np.sqrt(60)
    # Why the directions are not summed.
    assert np.mean(summed) < 0.5 - 3 * np.std(summed) / np.sqrt(60)


def test_matrices_in_float16_lead_to_the_same_scores():
    drawn = masks(1, 0.5, range(600), 60)
    values = np.random.default_rng(0).standard_normal((600, 60))
    values[:, :10] += drawn[:, :10].sum(1, keepdims=True)
    crossed = [
        cross_fitted(drawn, values, weights_of("difference", storage=storage), {"paper": DETECTOR}, 1, root=5)["paper"]
        for storage in ("float32", "float16")
    ]
    for name in ("score", "permuted"):
        assert np.abs(crossed[0][name] - crossed[1][name]).max() < 0.02 * np.abs(crossed[0][name]).max()
    assert (crossed[0]["found"] == crossed[1]["found"]).all()
