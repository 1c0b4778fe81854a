import numpy as np

from rethinking_backdoors.evaluation.yardsticks import NAMES, yardsticks


def test_the_two_ends_and_the_plain_statistic():
    poison, deviation = np.array([7, 3]), np.array([1.0, 5.0, 1.0, 9.0, 1.0, 1.0, 1.0, 8.0, 1.0, 1.0])
    made = yardsticks(poison, deviation, 0.3, np.random.default_rng(0), seed=0)
    assert tuple(made) == NAMES
    assert made["true"][0].tolist() == [3, 7]
    assert made["margin_sd"][0].tolist() == [1, 3, 7]
    assert (made["margin_sd"][1] == deviation).all()
    assert len(set(made["random"][0].tolist())) == 3
    other = yardsticks(poison, deviation, 0.3, np.random.default_rng(1), seed=0)
    assert made["random"][0].tolist() != other["random"][0].tolist()
