import numpy as np
import pytest

from rethinking_backdoors.attacks.patterns import Pattern, candidates, exchange, paste, place, resized

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 10, 12, 3), dtype=np.uint8)


def test_candidates_are_pieces_of_the_images_at_their_places():
    found = candidates(IMAGES, 4, 300, np.random.default_rng(0))
    assert len(found) == 300
    for piece, top, left in found:
        assert any((image[top : top + 4, left : left + 4] == piece).all() for image in IMAGES)
    assert {pattern.top for pattern in found} == set(range(7))
    assert {pattern.left for pattern in found} == set(range(9))


def test_sizes_are_kept_halved_and_doubled():
    piece = np.kron(np.array([[10, 200], [60, 90]]), np.ones((2, 2))).astype(np.uint8)[None, ..., None]
    assert (resized(piece, 4) == piece).all()
    # Averaged over a triangle of two pixels to either side, by hand: each block keeps most of its own grey.
    small = resized(piece, 2)[0, ..., 0]
    weights = np.array([[6, 1], [1, 6]]) / 7
    np.testing.assert_allclose(small, weights @ np.array([[10, 200], [60, 90]]) @ weights.T, atol=1)
    assert resized(np.full((1, 3, 3, 1), 77, np.uint8), 7).tolist() == np.full((1, 7, 7, 1), 77).tolist()


@pytest.mark.parametrize(
    ("side", "top", "left", "rows", "columns"),
    [(4, 3, 5, (3, 7), (5, 9)), (2, 3, 5, (4, 6), (6, 8)), (8, 0, 8, (0, 8), (4, 12)), (8, 6, 0, (2, 10), (0, 8))],
)
def test_a_pattern_stands_round_its_own_middle_but_inside(side, top, left, rows, columns):
    pattern = Pattern(np.zeros((4, 4, 3), np.uint8), top, left)
    assert place(pattern, side, (10, 12, 3)) == (slice(*rows), slice(*columns))


def test_the_pattern_and_its_control_change_the_same_pixels_only():
    pattern = Pattern(IMAGES[0, 2:6, 3:7].copy(), 2, 3)
    pasted, others = paste(IMAGES[1:], pattern, 4), IMAGES[[4, 3, 2, 1, 0]]
    control = exchange(IMAGES[1:], others, pattern, 4)
    assert (pasted[:, 2:6, 3:7] == pattern.piece).all()
    assert (control[:, 2:6, 3:7] == others[:, 2:6, 3:7]).all()
    for changed in (pasted, control):
        changed[:, 2:6, 3:7] = IMAGES[1:, 2:6, 3:7]
        assert (changed == IMAGES[1:]).all()
    small = exchange(IMAGES[1:], others, pattern, 2)
    assert (small[:, 3:5, 4:6] == resized(others[:, 2:6, 3:7], 2)).all()
