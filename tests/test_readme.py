import re
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]


def test_pages_are_what_their_templates_make_of_the_committed_tables(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import readme

    pages = readme.pages()
    # How to add things, and what a run survives: pages without results.
    by_hand = {page.name for page in (ROOT / "docs").glob("*.md") if page not in pages}
    assert by_hand == {"extending.md", "faults.md"}
    assert {ROOT / "README.md", ROOT / "config/README.md"} <= set(pages)
    for page, text in pages.items():
        assert text == page.read_text(), f"{page.name}: change docs/templates and run tools/readme.py"
        assert "nan" not in text.split()
    digits, replicated = ((ROOT / f"docs/{name}.md").read_text() for name in ("results-digits", "replicated"))
    assert digits.count("| 8 | clean label, two columns |") == 2  # what the rules find, and what every defense leaves
    assert replicated.count("| numbers | the 467 published numbers |") == 1


def test_the_readme_is_short_and_says_what_the_tables_say():
    text, replicated = (ROOT / "README.md").read_text(), (ROOT / "docs/replicated.md").read_text()
    assert len(text.encode()) < 9000
    hold, fail = re.search(r"\| all \| the 24 statements \| (\d+) holds, (\d+) fails", replicated).groups()
    assert f"{hold} hold on digits and {fail} fail" in text
    for dataset, line in (
        ("digits", "`paper` stops {} of 8 attacks, `refined` {}"),
        ("cifar10_mini", "`paper` stops {} of 8, `refined` {}"),
    ):
        table = pd.read_csv(ROOT / f"results/reference/{dataset}/tables/table6.csv")
        attacked = table[(table["experiment"] > 0) & (table["value"] <= 10)]
        stopped = attacked.groupby("row").size()
        assert line.format(stopped["paper"], stopped["refined"]) in text


def test_links_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "config/README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_library_example_runs(tmp_path, monkeypatch):
    import numpy as np

    from rethinking_backdoors.margins.subsets import masks

    drawn = masks(0, 0.5, range(300), 100)
    np.save(tmp_path / "masks.npy", drawn)
    values = np.random.default_rng(0).standard_normal((300, 100))
    values[:, :10] += drawn[:, :10].sum(1, keepdims=True)
    np.save(tmp_path / "margins.npy", values)
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/own-data.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    names = {}
    exec(code, names)
    assert set(names["ranking"](names["found"]["score"], seed=0)[:10]) == set(range(10))
