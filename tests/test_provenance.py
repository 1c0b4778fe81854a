import os

import pytest

from rethinking_backdoors.provenance import elapsed


def test_time_is_counted_once_and_pauses_not_at_all(tmp_path):
    # Two jobs side by side (0 to 10 and 5 to 12), a pause, and one more (100 to 103).
    for name, seconds, end in (("a", 10, 10), ("b", 7, 12), ("c", 3, 103)):
        path = tmp_path / "rule" / f"{name}.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"s\th:m:s\n{seconds}\t0:00:00\n")
        os.utime(path, (1e9 + end, 1e9 + end))
    assert elapsed(tmp_path) == pytest.approx(12 + 3)
