from collections import Counter

import numpy as np
import pytest
from as_in_the_paper import FACTS, PAPER

from rethinking_backdoors.errors import InputError
from rethinking_backdoors.reporting.verification.published import numbers, read
from rethinking_backdoors.reporting.verification.verdicts import STAGES, differences


def leaves(tree):
    if isinstance(tree, dict):
        return sum(leaves(value) for value in tree.values())
    return sum(map(leaves, tree)) if isinstance(tree, list) else 1


def test_every_number_of_the_file_is_one_line():
    listed = numbers(FACTS)
    in_tables = sum(leaves(table["rows"]) for table in FACTS["tables"].values())
    assert len(listed) == in_tables + leaves(FACTS["figures"])
    # 8 x 2, 8, 1, 8 x 6 x 2 less 2 x 2 dashes, 8, 8 x 6 less 2 dashes; 25, 6 and 6 for each panel.
    expected = {"Table 1": 16, "Table 2": 8, "Section 5.1, text": 1, "Table 3": 92, "Table 4": 8, "Table 6": 46}
    expected |= {"Figure 7": 200, "Figure 8": 48, "Figure 9": 48}
    assert Counter(number.where for number in listed) == expected
    keys = {(number.where, number.experiment, number.row, number.column) for number in listed}
    assert len(keys) == len(listed)


def test_some_facts():
    cells = {(n.where, n.experiment, n.row, n.column): n for n in numbers(FACTS)}
    assert cells["Table 1", 7, "none", "clean_accuracy"].value == 86.94
    assert cells["Table 3", 7, "none", "clean_accuracy"].value == 87.02
    assert "exchange" in cells["Table 3", 7, "none", "clean_accuracy"].note
    assert cells["Table 3", 6, "none", "clean_accuracy"].note == ""
    assert cells["Table 4", 2, "paper", "auroc"].alpha == 30
    assert cells["Table 2", 2, "oracle", "auroc"].alpha == 50
    assert cells["Table 6", 8, "ispl", "asr"].value == 26.07
    assert ("Table 6", 2, "spectre", "asr") not in cells
    assert cells["Figure 7", 5, "poisoned", "slope_5"].value == 0.2585
    assert cells["Figure 9", 1, "poison_to_poison", "sd"].value == 0.387


def test_tolerances_are_those_of_the_kind_and_the_published_value():
    cells = {(n.where, n.experiment, n.row, n.column): n.tolerance for n in numbers(FACTS)}
    assert cells["Table 3", 1, "paper", "poisoned_accuracy"] == pytest.approx(1.5)
    assert cells["Table 3", 1, "none", "poisoned_accuracy"] == pytest.approx(7.5)
    assert cells["Table 6", 1, "paper", "asr"] == pytest.approx(1.5)
    assert cells["Table 6", 1, "none", "asr"] == pytest.approx(7.5)
    assert cells["Figure 7", 1, "clean", "slope_1"] is None
    # Student's interval of the mean of five levels: t of 0.975 with four degrees of freedom is 2.776.
    levels = FACTS["figures"]["figure7"][1]["poisoned_level"]
    assert cells["Figure 7", 1, "poisoned", "margin_first"] == pytest.approx(2.776 * np.std(levels, ddof=1) / 5**0.5, abs=0.01)


def test_the_papers_own_configuration_agrees_with_the_papers_settings():
    for experiment in FACTS["experiments"]:
        assert differences(FACTS["settings"], FACTS, PAPER, experiment, STAGES[-1]) == []


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "other.yaml").write_text("a: 1\n")
    with pytest.raises(InputError, match=r"other.yaml is not the list of published numbers"):
        read(tmp_path / "other.yaml")
