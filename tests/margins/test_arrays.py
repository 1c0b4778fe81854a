import numpy as np
import pytest
from worlds import linear

from rethinking_backdoors.datamodels import DifferenceInMeans, Lasso, Ridge, pack
from rethinking_backdoors.datamodels.overlaps import overlaps, words
from rethinking_backdoors.margins.arrays import Margins, mask_columns, mask_rows, masks_of

EVERY = [DifferenceInMeans, lambda: DifferenceInMeans("group"), lambda: DifferenceInMeans("model"), Ridge, Lasso]


def test_packed_masks_are_the_masks():
    masks = np.random.default_rng(0).random((9, 21)) < 0.4
    packed = pack([masks[:4], masks[4:]])
    assert packed.shape == (9, 21)
    assert packed.bits.nbytes == 27
    for start, stop in [(0, 21), (3, 17), (8, 16), (20, 21)]:
        assert (mask_columns(packed, start, stop) == masks[:, start:stop]).all()
    some = np.array([20, 3, 8, 3])
    assert (masks_of(packed, some) == masks[:, some]).all()
    assert (masks_of(masks, some) == masks[:, some]).all()
    chosen = np.arange(9) % 2 == 0
    assert (mask_columns(mask_rows(packed, chosen), 0, 21) == masks[chosen]).all()


def test_shards_are_the_array_also_where_models_are_chosen_twice(tmp_path):
    whole = np.random.default_rng(0).standard_normal((10, 6)).astype(np.float16)
    np.save(tmp_path / "0.npy", whole[:3])
    np.save(tmp_path / "1.npy", whole[3:])
    shards = Margins([np.load(tmp_path / f"{i}.npy", mmap_mode="r") for i in (0, 1)])
    assert shards.shape == (10, 6)
    assert (shards.block(2, 9) == whole[:, 2:].astype(np.float32)).all()
    assert (shards.of(np.array([5, 0, 2])) == whole[:, [5, 0, 2]].astype(np.float32)).all()
    first, second = np.arange(10) % 3 != 0, np.arange(6) % 2 == 0
    assert (Margins(Margins(shards, first), second).block(0, 6) == whole[first][second]).all()


@pytest.mark.parametrize("estimator", EVERY)
@pytest.mark.parametrize("size", [None, 10])
def test_packed_masks_and_shards_give_the_same_weights_bit_by_bit(estimator, size):
    masks, _, margins = linear(70, 21, 21, size=size)
    margins = margins.astype(np.float16)
    plain = estimator().fit(masks, margins)
    other = estimator().fit(pack([masks[:30], masks[30:]]), [margins[:50], margins[50:]])
    assert (other.coef_ == plain.coef_).all()
    assert (other.intercept_ == plain.intercept_).all()
    assert (other.predict(pack([masks])) == plain.predict(masks)).all()


@pytest.mark.parametrize("estimator", [*EVERY, lambda: Ridge(2.0), lambda: Lasso(0.1)])
@pytest.mark.parametrize("m", [15, 40])
def test_blocks_of_targets_and_of_examples_change_nothing(estimator, m, monkeypatch):
    masks, _, margins = linear(m if estimator is not Lasso else m + 5, 21, 21)
    whole = estimator().fit(masks, margins)
    monkeypatch.setattr("rethinking_backdoors.datamodels.base._TARGETS_AT_ONCE", 4)
    monkeypatch.setattr("rethinking_backdoors.datamodels.base._EXAMPLES_AT_ONCE", 5)
    monkeypatch.setattr("rethinking_backdoors.datamodels.design._EXAMPLES_AT_ONCE", 6)
    monkeypatch.setattr("rethinking_backdoors.datamodels.design._ROWS_AT_ONCE", 7)
    parts = estimator().fit(masks, margins)
    assert np.allclose(parts.coef_, whole.coef_, atol=3e-4)
    assert np.allclose(parts.intercept_, whole.intercept_, atol=1e-4)
    assert np.allclose(parts.predict(masks), whole.predict(masks), atol=1e-4)


@pytest.mark.parametrize("kind", ["difference", "group", "model", "ridge", "ridge in the dual", "sampled ridge", "lasso"])
def test_torch_gives_the_weights_of_numpy(kind, monkeypatch):
    masks, _, margins = linear(20 if kind == "ridge in the dual" else 90, 30, 30, noise=4, density=0.3)
    makers = {
        "ridge": Ridge,
        "ridge in the dual": Ridge,
        "sampled ridge": Ridge,
        "lasso": lambda **at: Lasso(tolerance=1e-6, **at),
    }
    maker = makers.get(kind, lambda **at: DifferenceInMeans("target" if kind == "difference" else kind, **at))
    if kind == "sampled ridge":
        monkeypatch.setattr("rethinking_backdoors.datamodels.ridge._EXACT", 10)
    host, device = maker().fit(masks, margins), maker(device="cpu").fit(masks, margins)
    assert np.allclose(device.coef_, host.coef_, atol=2e-5)
    assert np.allclose(device.intercept_, host.intercept_, atol=1e-3)
    if kind not in ("difference", "group", "model"):
        assert np.allclose(device.penalty_, host.penalty_, rtol=1e-4)


def test_counting_bits_is_the_product():
    rows = np.random.default_rng(0).random((75, 130)) < 0.5
    expected = rows.astype(np.float32) @ rows.T.astype(np.float32)
    for threads in (1, 3):
        assert (overlaps(words(rows), threads) == expected).all()


@pytest.mark.parametrize("estimator", EVERY)
def test_bad_input_is_refused_in_one_sentence(estimator):
    masks, _, margins = linear(40, 8, 8)
    with pytest.raises(ValueError, match="must be equal"):
        estimator().fit(masks, margins[:39])
    with pytest.raises(ValueError, match="must be bool"):
        estimator().fit(masks.astype(np.uint8), margins)
    with pytest.raises(ValueError, match="every model's subset or in none"):
        estimator().fit(masks | (np.arange(8) == 3), margins)
    with pytest.raises(ValueError, match="floating-point"):
        estimator().fit(masks, masks)
    with pytest.raises(ValueError, match="same number of targets"):
        estimator().fit(masks, [margins[:20], margins[20:, :7]])
    margins[5, 6] = np.inf
    with pytest.raises(ValueError, match="targets 4 to 6 hold NaN"):
        Margins(margins).of(np.array([6, 4]))
    with pytest.raises(ValueError, match="NaN or infinite"):
        estimator().fit(masks, margins)


def test_bad_masks_to_pack_or_predict_are_refused():
    with pytest.raises(ValueError, match="must be bool"):
        pack([np.zeros((3, 4))])
    masks, _, margins = linear(40, 8, 8)
    with pytest.raises(ValueError, match="not the same"):
        DifferenceInMeans().fit(masks, margins).predict(masks[:, :7])
