"""The committed answers, computed again from the raw tables in another way: no module of the library is used here."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).parents[3]
FACTS = yaml.safe_load((ROOT / "config/published.yaml").read_text())
T = {2: 12.7062, 3: 4.3027, 4: 3.1824, 5: 2.7764}  # Student's t of 0.975 for so many values
DATASETS = [path.parent.name for path in sorted((ROOT / "results/reference").glob("*/provenance.json"))]


def seeds(dataset):
    tables = ROOT / f"results/reference/{dataset}/tables"
    return pd.concat([pd.read_csv(tables / "seeds.csv"), pd.read_csv(tables / "evidence.csv")])


def mean_and_half(values):
    values = np.asarray(values, dtype=float)
    half = T[len(values)] * np.sqrt(((values - values.mean()) ** 2).sum() / (len(values) - 1) / len(values))
    return values.mean(), half


def paper():
    """Where, experiment, row, column and value of everything in the file, walked by hand."""
    for name, table in FACTS["tables"].items():
        for row, cells in table["rows"].items():
            for e, values in cells.items():
                for column, value in zip(table["columns"], values, strict=True):
                    yield name, e, row, column, value
    for e, panel in FACTS["figures"]["figure7"].items():
        for column, value in zip(["k_first", "k_last"], panel["k"], strict=True):
            yield "figure7", e, "k", column, value
        for column, value in zip(["margin_first", "margin_middle", "margin_last"], panel["margin"], strict=True):
            yield "figure7", e, "poisoned", column, value
        for key in ("poisoned_slope", "poisoned_level", "clean_slope", "clean_level"):
            row, measure = key.split("_")
            for rank, value in enumerate(sorted(panel[key])):
                yield "figure7", e, row, f"{measure}_{rank + 1}", value
    for e, line in FACTS["figures"]["figure8"].items():
        for column, value in {"slope": line["slope"], "intercept": line["intercept"]}.items():
            yield "figure8", e, "poisoned", column, value
        for axis in "xy":
            yield "figure8", e, "poisoned", f"{axis}_low", line[axis][0]
            yield "figure8", e, "poisoned", f"{axis}_high", line[axis][1]
    for e, groups in FACTS["figures"]["figure9"].items():
        for row, (mean, sd) in groups.items():
            yield "figure9", e, row, "mean", mean
            yield "figure9", e, row, "sd", sd


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_verdict(dataset):
    config = yaml.safe_load((ROOT / f"config/{dataset}.yaml").read_text())
    raw = {key: cell["value"].tolist() for key, cell in seeds(dataset).groupby(["table", "experiment", "row", "column"])}
    committed = pd.read_csv(ROOT / f"results/reference/{dataset}/verification.csv")
    wanted = list(paper())
    assert len(committed) == len(wanted) == 467
    # None of the committed data sets is the paper's: whatever was run stands side by side.
    assert config["training"]["network"] != "resnet9"
    for line, (name, e, row, column, value) in zip(committed.itertuples(), wanted, strict=True):
        assert (line.experiment, line.row, line.column, line.published) == (e, row, column, value)
        named = {"section5": "auroc_alpha30" if e == 2 else "auroc", "table4": "auroc_scores"}.get(name, column)
        values = raw.get(("table2" if name == "section5" else name, e, row, named))
        assert line.verdict == ("not comparable" if values else "not run"), line
        if values:
            mean, half = mean_and_half(values)
            assert line.measured == pytest.approx(mean, abs=1e-4 + 1e-5 * abs(mean))
            assert line.low == pytest.approx(max(mean - half, 0) if name.startswith("table") else mean - half, rel=1e-3, abs=1e-3)
            assert line.seeds == len(values)


def pick(numbers, table, row, column):
    chosen = numbers[(numbers["table"] == table) & (numbers["row"] == row) & (numbers["column"] == column)]
    return {(line.experiment, line.seed): line.value for line in chosen.itertuples()}


def minus(first, *others):
    return {key: first[key] - max(other[key] for other in others) for key in first if all(key in other for other in others)}


def ratio(first, second):
    return {key: first[key] / second[key] for key in first if key in second}


def values_of(claim, row, numbers):
    """The statistic of a claim, written down again from its sentence."""

    def get(table, of, column):
        return pick(numbers, table, of, column)

    if claim == "C1":
        return minus(
            get("natural", "poison", "strength"),
            *(get("natural", kind, "strength") for kind in ("class", "random", "alike", "partners")),
        )
    if claim == "C3a":
        return get("figure7", "poisoned", "strength_mean")
    if claim == "C3b":
        return ratio(get("figure7", "clean", "strength_rms"), get("figure7", "poisoned", "strength_mean"))
    if claim.startswith("C4"):
        return get(
            "figure8", "poisoned" if claim in ("C4a", "C4b") else "clean", "correlation" if claim in ("C4a", "C4c") else "slope"
        )
    if claim in ("C5", "C6a"):
        return get("table2", "oracle", "auroc")
    if claim == "C6b":
        return ratio(get("figure7", "poisoned", "strength_mean"), get("figure7", "poisoned", "strength_mean_alpha30"))
    if claim == "C6c":
        return get("table2", "oracle", "auroc_alpha30")
    if claim == "C7a":
        return get("table4", row, "auroc_scores")
    if claim == "C7b":
        return get("table4", row, "auroc_within_target")
    if claim == "C7c":
        return minus(get("table4", row, "auroc_scores"), get("table4", row, "auroc_permuted_masks"))
    if claim == "C8b":
        return minus(get("table3", "none", "clean_accuracy"), get("table3", row, "clean_accuracy"))
    if claim == "C8a" or claim.startswith("C9"):
        return minus(get("table3", row, "clean_accuracy"), get("table3", row, "poisoned_accuracy"))
    if claim == "C10":
        return get("table6", row, "asr")
    if claim == "C11":
        return minus(*(get("figure9", group, "mean") for group in ("poison_to_poison", "poison_to_clean", "clean_to_clean")))
    return get("lemma2", "poisoned", "objective_percent")


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_claim(dataset):
    numbers = seeds(dataset)
    committed = pd.read_csv(ROOT / f"results/reference/{dataset}/claims.csv").fillna({"row": ""})
    whole = committed[committed["experiment"] == "all"].set_index(["claim", "row"])
    asked = [(claim, row) for claim in FACTS["claims"] for row in (claim.get("row", ""), *claim.get("also", []))]
    assert [(claim["claim"], row) for claim, row in asked] == whole.index.tolist()
    for claim, row in asked:
        verdict = whole.loc[(claim["claim"], row), "verdict"]
        if "statistic" not in claim:
            assert verdict == "not decided"
            continue
        values, right, wrong = values_of(claim["claim"], row, numbers), 0, 0
        for e in claim.get("experiments", range(1, 9)):
            here = [value for (number, _), value in values.items() if number == e]
            if here:
                mean, half = mean_and_half(here)
                sign, bound = (-1, claim["below"]) if "below" in claim else (1, claim.get("above", claim.get("at_least")))
                cut = {"percent": (0, 100), "correlation": (-1, 1)}.get(claim["unit"], (-np.inf, np.inf))
                ends = np.sort(sign * (np.clip([mean - half, mean + half], *cut) - bound)).round(6)
                right += ends[0] >= 0 if "at_least" in claim else ends[0] > 0
                wrong += ends[1] < 0 if "at_least" in claim else ends[1] <= 0
        allowed, needed = claim.get("exceptions", 0), len(claim.get("experiments", range(1, 9)))
        expected = "fails" if wrong > allowed else "holds" if right >= needed - allowed else "not decided"
        assert verdict == expected, claim["claim"]
        assert whole.loc[(claim["claim"], row), "passed"] == right
