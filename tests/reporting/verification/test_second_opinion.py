"""The committed answers, computed again from the raw tables in another way: no module of the library is used here."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import ttest_1samp

ROOT = Path(__file__).parents[3]
FACTS = yaml.safe_load((ROOT / "config/published.yaml").read_text())
T = {2: 12.7062, 3: 4.3027, 4: 3.1824, 5: 2.7764, 10: 2.2622}  # Student's t of 0.975 for so many values
# One seed has no interval and decides nothing.
DATASETS = [
    path.parent.name
    for path in sorted((ROOT / "results/reference").glob("*/provenance.json"))
    if pd.read_csv(path.parent / "tables/seeds.csv")["seed"].nunique() > 1
]


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

    def last(table, of, column):
        """At the fraction that detection uses: 30 % in experiment 2, 50 % elsewhere."""
        return {k: v for k, v in get(table, of, column).items() if k[0] != 2} | {
            k: v for k, v in get(table, of, f"{column}_alpha30").items() if k[0] == 2
        }

    def gap(of):
        return minus(get("table3", of, "clean_accuracy"), get("table3", of, "poisoned_accuracy"))

    if claim == "C1":
        return minus(
            last("natural", "poison", "strength"),
            *(last("natural", kind, "strength") for kind in ("class", "random", "alike", "partners")),
        )
    if claim == "C3a":
        return get("figure7", "poisoned", "strength_mean")
    if claim == "C3b":
        return ratio(get("figure7", "clean", "strength_rms"), get("figure7", "poisoned", "strength_mean"))
    if claim in ("C4a", "C4c"):
        of = "poisoned" if claim == "C4a" else "clean"
        return ratio(get("figure8", of, "correlation"), {k: v for k, v in get("figure8", of, "ceiling").items() if v > 0})
    if claim in ("C4b", "C4d"):
        return get("figure8", "poisoned" if claim == "C4b" else "clean", "slope")
    if claim in ("C5", "C6a"):
        return get("table2", "oracle", "auroc")
    if claim == "C6b":
        return ratio(get("figure7", "poisoned", "strength_mean"), get("figure7", "poisoned", "strength_mean_alpha30"))
    if claim == "C6c":
        return get("table2", "oracle", "auroc_alpha30")
    if claim == "C7a":
        return get("table4", row, "auroc_scores")
    if claim in ("C7b", "C7c"):
        column = "auroc_within_target" if claim == "C7b" else "auroc"
        return minus(get("table4", row, f"crossfit_{column}"), get("table4", row, f"permuted_mean_{column}"))
    if claim == "C8b":
        return minus(get("table3", "true", "clean_accuracy"), get("table3", row, "clean_accuracy"))
    if claim == "C8a" or claim.startswith("C9"):
        return minus(gap(row), gap("true"))
    if claim == "C10":
        return minus(get("table6", row, "asr"), get("table6", "true", "asr"))
    if claim == "C11":
        return minus(*(last("figure9", group, "mean") for group in ("poison_to_poison", "poison_to_clean", "clean_to_clean")))
    return last("lemma2", "poisoned", "objective_percent")


def rejected(p):
    """Holm's test as a closed one: a hypothesis falls if Bonferroni refutes every set of hypotheses that it belongs to."""
    sets = [chosen for size in range(1, len(p) + 1) for chosen in combinations(p, size)]
    refuted = {chosen for chosen in sets if min(p[key] for key in chosen) <= 0.05 / len(chosen)}
    return {key for key in p if all(chosen in refuted for chosen in sets if key in chosen)}


def one_sided(values, bound, way, reached=False):
    """A p-value; where all seeds have one value, 0 on the right side of the bound (or on it, if that is enough), else 1."""
    if np.ptp(values) < 1e-12:
        lead = way * (values[0] - bound)
        return 0.0 if lead > 0 or (reached and lead == 0) else 1.0
    return ttest_1samp(values, bound, alternative="greater" if way > 0 else "less").pvalue


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
        values = values_of(claim["claim"], row, numbers)
        bound = claim.get("below", claim.get("above", claim.get("at_least")))
        way, everyone = -1 if "below" in claim else 1, claim.get("experiments", range(1, 9))
        groups = {e: [value for (number, _), value in values.items() if number == e] for e in everyone}
        groups = {e: np.array(group) for e, group in groups.items() if group}
        ceiling = pick(numbers, "figure8", "poisoned" if claim["claim"] == "C4a" else "clean", "ceiling")
        weak = [e for e in groups if np.mean([value for (number, _), value in ceiling.items() if number == e] or [1]) <= bound]
        tested = {e: group for e, group in groups.items() if not ("ceiling" in claim and e in weak)}
        holds = rejected({e: one_sided(group, bound, way, "at_least" in claim) for e, group in tested.items()})
        fails = rejected({e: one_sided(group, bound, -way) for e, group in tested.items()}) - holds
        allowed = claim.get("exceptions", 0)
        enough = tested and len(holds) >= len(tested) - allowed
        expected = "fails" if len(fails) > allowed else "holds" if enough else "not decided"
        if len(groups) < len(everyone) and expected == "holds":
            expected = "not decided"
        assert verdict == expected, claim["claim"]
        assert whole.loc[(claim["claim"], row), "passed"] == len(holds)
