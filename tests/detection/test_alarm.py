import numpy as np
import pytest
from scipy import stats

from rethinking_backdoors.detection.alarm import ALARM, LOOK, NOTHING, RANKING, Judgement, verdict
from rethinking_backdoors.detection.groups import Groups, otsu, strongest
from rethinking_backdoors.detection.labels import Comparison, Settings, compare, fisher
from rethinking_backdoors.detection.trusted import THRESHOLD, distance

LABELS, EACH = 8, 40
SIZES = [10, 14, 20]


def group(strength, gain=None, overlap=1.0, members=None):
    """A label's groups as a search would give them."""
    k, members = len(strength), np.arange(EACH) if members is None else members
    gain = np.tile(np.linspace(-1, 1, len(members)), (k, 1)) if gain is None else np.asarray(gain)
    humps, above = np.array([otsu(row)[0] for row in gain]), np.array([(row > otsu(row)[1]).sum() for row in gain])
    sizes, none = np.array(SIZES[:k]), np.zeros((2, k, len(members)), bool)
    return Groups(members, sizes, np.array(strength, float), gain, np.full(k, overlap), humps, above, none)


def world(seed, effects, fractions=1, models=600):
    """Masks and margins of labels of 40 examples; ``effects``: of a label, how many of its first act as one, and how much."""
    rng, labels = np.random.default_rng(seed), np.repeat(np.arange(LABELS), EACH)
    drawn = []
    for _ in range(fractions):
        masks = rng.random((models, len(labels))) < 0.5
        margins = rng.standard_normal(masks.shape)
        for label, (members, effect) in effects.items():
            part = slice(label * EACH, label * EACH + members)
            margins[:, part] += effect * masks[:, part].sum(1, keepdims=True)
        drawn.append((masks, margins.astype(np.float32)))
    return labels, lambda a, members: strongest(*drawn[a], members, SIZES, seed=0)


def test_g_and_p_by_hand():
    groups = [[group([x, x]) for x in (1.0, 2.0, 3.0, 2.0, 9.0)]]
    made = compare(groups, Settings())
    others = np.array([1.0, 2.0, 3.0, 2.0])
    g = (9 - 2) / (others.std(ddof=1) * np.sqrt(1 + 1 / 4))
    assert made.g[0, 4] == pytest.approx([g, g])
    # The humps of all labels are alike, so that G alone speaks: Fisher's p of two, of which the one is 1 at most.
    p_g, p_e = 2 * stats.t.sf(g, 3), min(1, stats.t.sf(made.e[0, 4], 3))
    assert made.p[4] == pytest.approx(5 * p_g * p_e * (1 - np.log(p_g * p_e)))
    assert made.p.argmin() == 4


def test_labels_that_agree_are_believed_to_a_fifth_of_their_mean_only():
    made = compare([[group([x]) for x in (1.0, 1.0, 1.0, 1.0, 2.0)]], Settings())
    assert made.g[0, 4, 0] == pytest.approx((2 - 1) / (0.2 * np.sqrt(1.25)))


def test_a_label_too_small_for_a_size_keeps_its_largest_sizes_strength():
    groups = [[group([1.0, 2.0, 3.0]), *(group([1.0, 2.0]) for _ in range(5))]]
    made = compare(groups, Settings())
    assert made.g.shape == (1, 6, 3)
    assert made.g[0, 1, 1] < 0.01
    assert made.g[0, 1, 2] < 0  # 2 against a mean of 2.2


def test_humps_count_where_both_halves_found_the_group():
    two = np.tile(np.r_[np.full(24, 0.0), np.full(16, 3.0)] + np.linspace(0, 0.5, 40), (1, 1))
    for overlap, stands in ((0.9, True), (0.2, False)):
        made = compare([[group([1.0], two, overlap), *(group([1.0]) for _ in range(7))]], Settings())
        assert (made.e[0, 0] > 5) == stands


def test_humps_count_where_the_upper_one_has_enough_members():
    for members, stands in ((15, True), (14, False)):
        two = np.tile(np.r_[np.zeros(EACH - members), np.full(members, 3.0)] + np.linspace(0, 0.5, 40), (1, 1))
        made = compare([[group([1.0], two), *(group([1.0]) for _ in range(7))]], Settings())
        assert (made.apart[0] > 0.9) == stands


def test_the_strongest_group_and_the_clearest_humps_count_more_in_one_label_than_in_two():
    rng = np.random.default_rng(0)
    two = np.tile(np.r_[np.zeros(24), np.full(16, 3.0)] + np.linspace(0, 0.5, 40), (1, 1))
    others = [group([1 + 0.2 * rng.standard_normal()]) for _ in range(6)]
    apart = compare([[group([3.0]), group([1.0], two), *others]], Settings())
    both = compare([[group([1.0]), group([3.0], two), *others]], Settings())
    assert both.p.argmin() == 1
    assert both.p.min() < apart.p.min() / 10


def test_the_p_value_is_that_of_the_label_that_alarms():
    comparison = Comparison(
        np.zeros((1, 5, 1)),
        np.zeros((1, 5)),
        np.array([0.001, 0.005, 1, 1, 1]),
        np.array([0.8, 0.95, 0, 0, 0]),
        np.zeros((5, 2), int),
    )
    made = Judgement(comparison, None, np.full(5, 0.01), 1e-4, Settings())
    assert made.alarm
    assert (made.cell[1], made.p, made.apart) == (1, 0.005, 0.95)
    assert Judgement(comparison, None, np.full(5, 0.01), 2e-3, Settings()).cell[1] == 0  # sure without humps


def test_fishers_p_by_scipy():
    p = np.array([0.03, 0.2])
    assert fisher(p[:1], p[1:])[0] == pytest.approx(stats.combine_pvalues(p, "fisher").pvalue)


def test_a_planted_group_alarms_and_all_of_it_and_nothing_else_goes():
    labels, search = world(0, {3: (16, 0.3)})
    made = verdict(search, labels, 1, Settings())
    assert made.answer == ALARM
    assert np.flatnonzero(made.round).tolist() == list(range(3 * EACH, 3 * EACH + 16))
    assert set(np.argsort(-made.score)[:16]) == set(np.flatnonzero(made.round))


def test_two_planted_groups_go_in_two_rounds():
    labels, search = world(1, {3: (16, 0.4), 6: (16, 0.25)})
    made = verdict(search, labels, 1, Settings(alarm=0.2))
    assert made.answer == ALARM
    planted = [*range(3 * EACH, 3 * EACH + 16), *range(6 * EACH, 6 * EACH + 16)]
    assert np.flatnonzero(made.round).tolist() == planted
    assert sorted(set(made.round[planted])) == [1, 2]


def test_noise_alone_alarms_in_no_more_than_one_in_twenty():
    alarms = sum(verdict(world(seed, {})[1], world(seed, {})[0], 1, Settings()).answer != NOTHING for seed in range(100, 120))
    assert alarms <= 3  # 5 percent of 20, and two standard errors


def test_a_strong_label_without_two_humps_is_to_be_looked_at_and_nothing_goes():
    groups = [group([2.5]), *(group([x]) for x in (1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.0))]
    labels = np.repeat(np.arange(LABELS), EACH)
    made = verdict(lambda a, members: groups[labels[members[0]]], labels, 1, Settings())
    assert made.answer == LOOK
    assert len(made.rounds) == 1
    assert not made.round.any()
    groups[0] = group([9.0])
    made = verdict(lambda a, members: groups[labels[members[0]]], labels, 1, Settings())
    assert made.first.p < Settings().sure
    assert made.answer == ALARM
    assert len(made.rounds) == 1  # what is left has to have two humps


def test_with_few_labels_there_is_a_ranking_and_no_alarm():
    labels, search = world(2, {1: (16, 0.4)})
    few = labels[labels < 4]
    made = verdict(search, few, 1, Settings())
    assert made.answer == RANKING
    assert set(np.argsort(-made.score)[:16]) == set(range(EACH, EACH + 16))


def test_too_few_models_alarm_but_remove_nothing():
    labels, search = world(0, {3: (16, 0.3)})
    made = verdict(search, labels, 1, Settings(), remove=False)
    assert made.answer == ALARM
    assert not made.round.any()


def test_a_small_label_is_left_out():
    labels, search = world(3, {})
    labels = labels.copy()
    labels[:10] = LABELS  # ten examples of a ninth label
    made = verdict(search, labels, 1, Settings())
    assert np.isneginf(made.score[:10]).all()
    assert np.isfinite(made.score[10:]).all()


def test_trusted_sets_take_away_what_is_natural_and_leave_what_is_not():
    rng = np.random.default_rng(0)

    def sets(natural, planted):
        return [[group(np.array([x, x]) + 0.1 * rng.standard_normal(2)) for x in (natural, 1.0, 1.0, 1.0, 1.0 + planted)]]

    references = [sets(5.0, 0.0) for _ in range(5)]
    same, attacked = distance(sets(5.0, 0.0), references), distance(sets(5.0, 3.0), references)
    assert not same.above
    assert attacked.above
    assert attacked.cell[1] == 4
    assert attacked.threshold >= THRESHOLD
    assert len(attacked.among) == 5


def test_the_distance_by_hand():
    references = [[[group([x]), group([2 * x])]] for x in (1.0, 2.0, 3.0)]
    made = distance([[group([2.0]), group([9.0])]], references)
    pooled = np.sqrt((1.0 + 4.0) / 2)
    assert made.z[0, :, 0] == pytest.approx([0, (9 - 4) / pooled / np.sqrt(1 + 1 / 3)])
