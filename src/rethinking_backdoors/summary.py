"""The readable form of the tables: one Markdown page."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from rethinking_backdoors.config import attacked, describe

HEAD = """# {dataset}: what came out

Made by the workflow from `tables/*.csv`; do not edit. Means over {seeds} seeds with 95 % intervals (Student t over seeds; a seed
draws the split, the poisoned examples, the subsets and the initialisations anew), percentages 0..100. `ours` is the paper's rule
(eq. 7 and 8), `refined` is this project's; `ac` is Activation Clustering, `ispl` Inverse Self-Paced Learning, `ss` Spectral
Signatures. Experiment 0 is the data set without an attack; its attack success rate is what the trigger does to networks that
never saw it.
"""

TEXTS = {
    "table1": """## Table 1: the attacks

Accuracy of undefended networks on clean and on triggered test images.""",
    "table2": """## Table 2: strength with the true indicator

AUROC of Lemma 1's estimate, an oracle that knows the poison; `without self` leaves out each example's effect on itself.""",
    "table3": """## Table 3: accuracy after each defense

Networks retrained without the removed examples.""",
    "table4": """## Table 4: scores that know nothing of the poison

The AUROC over all examples flatters, because the label alone nearly reaches it: read it beside `auroc within target` (among the
examples labelled as the target class) and the controls. `auroc permuted masks` is the same detection on datamodels of permuted
masks; it is not near 50, because poisoned margins rise and fall together in every model.""",
    "table6": """## Table 6: attack success rate after each defense

Share of triggered test images of the other classes that go to the target class.""",
    "defenses": """## What each defense removed

Counts of training examples, and the retrained networks' accuracy on the target class: a low attack success rate can also mean
that the class itself was damaged. `told target class` is 1 where the defense was told which class the attacker wants, `told
poisoned` how many examples it was told are poisoned (0: not told; without an attack it is told the median of the experiments).
`auroc within target` is of its scores, among the examples labelled as the target class, where it makes any.""",
}


def page(
    dataset: str, tables: dict[str, pd.DataFrame], experiments: dict[int, dict], captions: dict[str, str], note: str = ""
) -> str:
    """The whole page.

    Args:
        tables: by name, each in the long form of ``tables.summarize``.
        captions: text of each figure by its name, "figure3".
        note: what is not the official data, in words; empty if everything is.
    """
    seeds = int(max(table["seeds"].max() for table in tables.values()))
    parts = [HEAD.format(dataset=dataset, seeds=seeds)]
    parts += [f"The data are not the official ones throughout: {note}."] if note else []
    parts += [f"{text}\n\n{_markdown(tables[name], experiments)}" for name, text in TEXTS.items()]
    if captions:
        parts.append("## Figures")
        parts += [f"![{name}](../../figures/{dataset}/{name}.png)\n\n{text.strip()}" for name, text in captions.items()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _markdown(table: pd.DataFrame, experiments: dict[int, dict]) -> str:
    """A pipe table with one line for each experiment and row."""
    columns = list(dict.fromkeys(table["column"]))
    lines = [["exp.", "attack", "row", *(column.replace("_", " ") for column in columns)]]
    lines.append(["---"] * len(lines[0]))
    cells = table.set_index(["experiment", "row", "column"])
    for (experiment, row), _ in table.groupby(["experiment", "row"], sort=False):
        values = [_cell(cells, (experiment, row, column)) for column in columns]
        lines.append([str(experiment), describe(experiments[experiment]), row, *values])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(cells: pd.DataFrame, key: tuple) -> str:
    """ "97.1 [96.0, 98.2]", or a dash where the table has no such number."""
    if key not in cells.index:
        return "-"
    value, low, high = cells.loc[key, ["value", "low", "high"]]
    show: Callable[[float], str] = "{:.1f}".format
    return f"{show(value)} [{show(low)}, {show(high)}]" if pd.notna(low) else show(value)


def read_captions(paths: list[str]) -> dict[str, str]:
    """The captions of figures by name, from the files of the report."""
    return {Path(path).stem: Path(path).read_text(encoding="utf-8") for path in paths}


def headline(tables: dict[str, pd.DataFrame], experiments: dict[int, dict]) -> str:
    """The README's table: one line an experiment, means over seeds."""
    head = ["exp.", "attack", "clean acc.", "ASR", "oracle AUROC"]
    for rule in ("ours", "refined"):
        head += [f"{rule}: AUROC", "control", "ASR after", "clean acc. after"]
    lines = [head, ["---"] * len(head)]
    cells = {name: table.set_index(["experiment", "row", "column"])["value"] for name, table in tables.items()}
    for number in attacked(experiments):
        experiment = experiments[number]
        last = round(100 * experiment["alphas"][-1])
        oracle = "auroc" if len(experiment["alphas"]) == 1 else f"auroc_alpha{last}"
        line = [str(number), describe(experiment), f"{cells['table3'][number, 'none', 'clean_accuracy']:.1f}"]
        line += [f"{cells['table6'][number, 'none', 'asr']:.1f}", f"{cells['table2'][number, 'oracle', oracle]:.1f}"]
        for rule in ("ours", "refined"):
            line += [f"{cells['table4'][number, rule, column]:.1f}" for column in ("auroc_scores", "auroc_permuted_masks")]
            line += [f"{cells['table6'][number, rule, 'asr']:.1f}", f"{cells['table3'][number, rule, 'clean_accuracy']:.1f}"]
        lines.append(line)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
