"""The one error that a user can mend."""

import pickle

from rethinking_backdoors.errors import InputError


def test_a_sentence_that_repeats_a_whole_file_loses_its_middle():
    error = InputError(f"w.json says {'a' * 100_000}: that is unknown.")
    assert len(str(error)) < 2000
    assert str(error).startswith("w.json says aaa")
    assert str(error).endswith("aaa: that is unknown.")


def test_it_comes_back_from_a_worker_as_it_was():
    assert str(pickle.loads(pickle.dumps(InputError("one sentence.")))) == "one sentence."
