import re

import numpy as np
import pytest

from rethinking_backdoors.data.labelled import Labelled
from rethinking_backdoors.reporting.scan_page import page
from rethinking_backdoors.scan.scanning import scan


def pictures(planted):
    """Images of eight labels, a bright bar each; ``planted`` of other labels carry a bright corner and the label 5."""
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(8), 40)
    images = rng.integers(0, 60, (320, 8, 8), dtype=np.uint8)
    images[np.arange(320), labels] += rng.integers(40, 120, (320, 8), dtype=np.uint8)
    chosen = rng.choice(np.flatnonzero(labels != 5), planted, replace=False)
    images[chosen, 7, 7], labels[chosen] = 255, 5
    return Labelled(images[..., None], labels, classes=list("abcdefgh"), files=[f"{i}<.png" for i in range(320)]), chosen


@pytest.fixture(scope="module")
def attacked():
    data, chosen = pictures(20)
    return scan(data, units=1000, threads=1), chosen


def test_an_alarm_shows_the_group_and_the_evidence_and_links_to_nothing(attacked):
    found, chosen = attacked
    text = page(found)
    assert found.alarm
    assert f"Alarm: {found.size} examples labelled f act as one strong feature" in text
    group = text.split("<h2>The group</h2>")[1].split("<h2>")[0]
    assert len(re.findall("<figure>", group)) == found.size
    assert all(f'alt="example {index}"' in group for index in set(chosen) & set(found.members))
    for title in ("What the group shares", "All labels", "Where the cut is", "What a scan cannot see"):
        assert title in text
    assert not re.search(r"(src|href)=\"(?!data:image/png;base64,)", text)
    assert "<.png" not in text  # file names are escaped


def test_without_a_group_the_page_says_so_and_what_it_cannot_see():
    text = page(scan(pictures(0)[0], units=300, threads=1))
    assert "<h1>Nothing stands out.</h1>" in text
    assert "That is no proof" in text
    assert "The highest of the ranking" in text


def test_a_table_names_the_columns_that_the_group_shares():
    rng, labels = np.random.default_rng(1), np.repeat(np.arange(6), 50)
    values = np.concatenate([2 * np.eye(6)[labels] + 0.5 * rng.standard_normal((300, 6)), np.zeros((300, 1))], axis=1)
    chosen = rng.choice(np.flatnonzero(labels != 2), 24, replace=False)
    values[chosen, 6], labels[chosen] = 3, 2
    data = Labelled(values.astype(np.float32), labels, columns=[*"uvwxyz", "odd one"])
    found = scan(data, units=1000, threads=1)
    text = page(found)
    assert found.label == 2
    assert re.search(r"<tr><td>odd one<td class=\"n\">\+[\d.]+<td class=\"n\">100 %<td class=\"n\">0 %", text)
