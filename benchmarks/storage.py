"""Does float16 change what the search finds? python benchmarks/storage.py results/digits

For every experiment of a finished run: datamodels in float32 (summed in float64) and in float16 (summed in float32), the same
restarts on both, and in how many the set is the same. Seconds of either on one thread.
"""

import sys
import time
from pathlib import Path

import numpy as np
from tables import table
from threadpoolctl import threadpool_limits

from rethinking_backdoors.datamodels import weights_of
from rethinking_backdoors.detection.pairs import pair_sums
from rethinking_backdoors.detection.search import search_pairs
from rethinking_backdoors.margins.shards import open_with_masks

SIZES, RESTARTS = [10, 20, 40, 80, 160, 320, 640], 100


def compare(shards: list[Path]) -> tuple[float, float, float, list[float]]:
    """Percent of equal sets, percent of overlap in the others, the largest difference of objectives in percent, and seconds."""
    masks, margins, _ = open_with_masks(shards)
    found, seconds = [], []
    for storage in ("float32", "float16"):
        started = time.perf_counter()
        weights = weights_of("difference", storage=storage)(masks, margins)
        found.append(search_pairs(pair_sums(weights, out=weights), SIZES, RESTARTS, seed=0))
        seconds.append(time.perf_counter() - started)
    pairs = [zip(a, b, strict=True) for a, b in zip(found[0].members, found[1].members, strict=True)]
    shared = np.array([[len(np.intersect1d(a, b)) / len(a) for a, b in row] for row in pairs])
    others = 100 * shared[shared < 1].mean() if (shared < 1).any() else 100.0
    apart = np.abs(found[1].objective / found[0].objective - 1).max()
    return 100 * float((shared == 1).mean()), float(others), 100 * float(apart), seconds


def main(results: Path) -> None:
    rows = []
    for place in sorted(results.glob("exp*/seed0/alpha*/margins")):
        same, others, apart, (whole, half) = compare(sorted(place.glob("[0-9]*.npy")))
        name = f"{place.parts[-4].removeprefix('exp')}, {place.parts[-2].removeprefix('alpha')} %"
        rows.append([name, f"{same:.1f}", f"{others:.1f}", f"{apart:.3f}", f"{whole:.2f}", f"{half:.2f}"])
    table(["experiment", "same sets %", "shared in the others %", "objective apart %", "float32 s", "float16 s"], rows)


if __name__ == "__main__":
    with threadpool_limits(1):
        main(Path(sys.argv[1]))
