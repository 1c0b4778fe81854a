"""What a scan costs against the number of examples, beside one ordinary training and two detectors on the same inputs.

python benchmarks/scan.py /usr/share/datasets/fashion-mnist
python benchmarks/scan.py photos/ --examples 1000 5000

Seconds of one thread: of a unit of models (a network on half of the data, and as much at a fifth and a fiftieth), of the search
and fit of all labels, together at 1,000 units; of one network on all examples; of scikit-learn's isolation forest; of Spectral
Signatures on the inputs.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import IsolationForest
from tables import table

from rethinking_backdoors.data.labelled import Labelled, read
from rethinking_backdoors.scan import sets, timing
from rethinking_backdoors.training.registry import trainer


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def signatures(inputs: np.ndarray, labels: np.ndarray) -> None:
    """The scores of Spectral Signatures (Tran et al. 2018): squared projections on each label's first singular vector."""
    for label in np.unique(labels):
        centred = inputs[labels == label] - inputs[labels == label].mean(0)
        np.linalg.svd(centred, full_matrices=False)


def measured(data: Labelled) -> list[str]:
    """One line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        made = sets.make(data, Path(folder), model="auto", trainer=None, trust=None, seed=0)
        prepared = time.perf_counter() - start
        plan = timing.plan(made, float("inf"), 1)
        inputs = np.load(made.works[0].folder / "inputs.npy")
    assert made.recipe is not None
    kind, n = trainer(made.recipe.training, "cpu"), len(data.labels)
    x, y, whole = kind.prepare(inputs), torch.from_numpy(data.labels), np.arange(n)[None]
    one = seconds(lambda: kind.train(x, y, whole, [np.random.default_rng(0)]))
    forest = seconds(lambda: IsolationForest(n_estimators=100, random_state=0).fit(inputs).score_samples(inputs))
    spectral = seconds(lambda: signatures(inputs, data.labels))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    whole_scan = prepared + 1000 * plan.unit_s + plan.analysis_s
    times = [prepared, plan.unit_s, plan.analysis_s, whole_scan, one, forest, spectral]
    return [f"{n:,}", *(f"{value:.3g}" for value in times), f"{whole_scan / one:,.0f}", f"{memory:.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--examples", type=int, nargs="+", default=[1000, 5000, 20_000])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = read(arguments.data)
    order = np.random.default_rng(0).permutation(len(data.labels))
    rows = []
    for count in arguments.examples:
        chosen = np.sort(order[:count])
        rows.append(measured(Labelled(data.values[chosen], data.labels[chosen], data.classes)))
    head = [
        "n",
        "inputs, recipe",
        "unit",
        "search",
        "scan of 1,000 units",
        "one network",
        "isolation forest",
        "Spectral Signatures",
    ]
    table([*head, "scan / network", "GB so far"], rows)


if __name__ == "__main__":
    main()
