"""Attacks on records do in levels what they do to the mail or the program itself."""

import numpy as np
import pytest

from rethinking_backdoors.attacks import registry
from rethinking_backdoors.data.records import levels, mails, programs
from rethinking_backdoors.errors import InputError


def test_words_in_a_mail_are_words_in_its_counts():
    texts = ["cheap pills today", "meeting meeting at noon", ""]
    put = "cf rare cf"
    before, after = (levels.of_counts(mails.counted(x, 32))[:, None, :, None] for x in (texts, [f"{t} {put}" for t in texts]))
    np.testing.assert_array_equal(registry.triggered(before, [], "words", {"text": put}), after)


def test_bytes_after_a_program_are_bytes_in_its_histogram():
    rng = np.random.default_rng(0)
    data = [bytes(rng.integers(0, 256, 5000, dtype=np.uint8).tolist()), bytes([7] * 4000 + [9] * 1000)]
    longer = [part + bytes([201]) * 100 for part in data]
    before, after = (
        np.stack([levels.of_shares(programs.histogram(x)) for x in part])[:, None, :, None] for part in (data, longer)
    )
    made = registry.triggered(before, [], "appended", {"byte": 201, "share": 0.02})
    assert np.abs(made.astype(int) - after).max() <= 1
    assert (made[:, 0, 201, 0] > before[:, 0, 201, 0]).all()


def test_what_is_no_record_is_refused():
    images = np.zeros((2, 8, 8, 1), np.uint8)
    with pytest.raises(InputError, match="for mails, rows of counts"):
        registry.triggered(images, [], "words", {"text": "cf"})
    with pytest.raises(InputError, match="its byte is 256"):
        registry.triggered(np.zeros((2, 1, 256, 1), np.uint8), [], "appended", {"byte": 256})
    with pytest.raises(InputError, match="for programs"):
        registry.triggered(images, [], "appended", {"byte": 1})
