import numpy as np
import pytest

from rethinking_backdoors.detection.objective import objective, strength_vector


@pytest.fixture
def weights():
    return np.random.default_rng(0).standard_normal((9, 9))


def indicator(solution, n=9):
    v = np.zeros(n)
    v[list(solution)] = 1
    return v


def test_eq_7_is_eq_6_times_a_constant(weights):
    for solution in ([1, 4], [0, 2, 8], [3, 4, 5, 6]):
        v, k = indicator(solution), len(solution)
        assert objective(weights, np.array(solution)) == pytest.approx(k * (9 - k) / 9 * strength_vector(v) @ weights @ v)


def test_eq_7_is_the_quadratic_form_as_printed_with_the_column_sum(weights):
    v = indicator([2, 3, 7])
    matrix = weights - np.diag(3 / 9 * np.ones(9) @ weights)
    assert objective(weights, np.array([2, 3, 7])) == pytest.approx(v @ matrix @ v)


def test_a_column_offset_changes_nothing_and_a_row_offset_does(weights):
    solution = np.array([0, 5])
    shifted = weights.copy()
    shifted[:, 5] += 10
    assert objective(shifted, solution) == pytest.approx(objective(weights, solution))
    shifted = weights.copy()
    shifted[5, :] += 10
    assert objective(shifted, solution) == pytest.approx(objective(weights, solution) + 10 * 2 * 7 / 9)


def test_the_transposed_matrix_has_another_value(weights):
    assert objective(weights.T, np.array([0, 5])) != pytest.approx(objective(weights, np.array([0, 5])))
