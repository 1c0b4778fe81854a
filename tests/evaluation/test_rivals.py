import numpy as np
import pytest

from rethinking_backdoors.datamodels import pack
from rethinking_backdoors.evaluation.rivals import natural_groups, rivals, strength_of
from rethinking_backdoors.strength import measured


@pytest.fixture(scope="module")
def world():
    """Sixty examples in three classes. The first six are poisoned and raise each other by 1; 20 to 25 are a natural feature
    and raise each other by 0.4; 40 to 45 rise and fall together for no reason in the data."""
    rng = np.random.default_rng(0)
    masks = np.stack([rng.permutation(60) < 30 for _ in range(3000)])
    margins = 0.2 * rng.standard_normal((3000, 60))
    margins[:, :6] += 1.0 * masks[:, :6].sum(1, keepdims=True)
    margins[:, 20:26] += 0.4 * masks[:, 20:26].sum(1, keepdims=True)
    margins[:, 40:46] += 2.0 * rng.standard_normal((3000, 1))
    labels = np.repeat([0, 1, 2], 20)
    return masks, margins, np.arange(6), labels


def test_the_strength_of_a_set_is_the_mean_over_its_examples(world):
    masks, margins, support, _ = world
    assert strength_of(masks, margins, support) == pytest.approx(measured(masks, margins, support)[support].mean())
    assert strength_of(masks, margins, support) == pytest.approx(1.0, abs=0.02)
    assert strength_of(masks, margins, np.arange(30, 36)) == pytest.approx(0.0, abs=0.02)


def test_groups_are_clean_and_of_the_poisons_size(world):
    masks, margins, support, labels = world
    groups = natural_groups(masks, margins, support, labels, np.random.default_rng(1), tried=4)
    assert [len(members) for members in groups["class"]] == [14, 20, 20]
    for kind in ("random", "alike", "partners"):
        assert [len(set(members)) for members in groups[kind]] == [6] * 4
    everyone = np.concatenate([members for sets in groups.values() for members in sets])
    assert not np.isin(everyone, support).any()


def test_the_planted_natural_feature_is_found_and_what_only_moves_together_is_not_strong(world):
    masks, margins, support, labels = world
    found = rivals(masks, margins, support, labels, np.random.default_rng(2), tried=54)
    best = {kind: found["strength"][found["kind"] == kind].max() for kind in set(found["kind"])}
    assert best["poison"] == pytest.approx(1.0, abs=0.02)
    assert best["partners"] == pytest.approx(0.4, abs=0.02)
    assert best["random"] < 0.2
    groups = natural_groups(masks[::2], margins[::2], support, labels, np.random.default_rng(2), tried=54)
    assert any(set(members) == set(range(40, 46)) for members in groups["alike"])
    assert any(set(members) == set(range(20, 26)) for members in groups["partners"])
    together = strength_of(masks[1::2], margins[1::2], np.arange(40, 46))
    assert together == pytest.approx(0.0, abs=0.15)


def test_packed_masks_and_shards_have_the_same_rivals(world):
    masks, margins, support, labels = world
    margins = margins.astype(np.float16)
    plain = rivals(masks, margins, support, labels, np.random.default_rng(3))
    parts = pack([masks[:700], masks[700:]]), [margins[:1001], margins[1001:]]
    packed = rivals(*parts, support, labels, np.random.default_rng(3))
    assert all((plain[name] == packed[name]).all() for name in plain)


def test_the_order_of_kinds_and_the_seed_decide_everything(world):
    masks, margins, support, labels = world
    first, again = (rivals(masks, margins, support, labels, np.random.default_rng(3)) for _ in range(2))
    assert first["kind"][0] == "poison"
    assert all((first[name] == again[name]).all() for name in first)
