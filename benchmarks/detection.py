"""What a search costs on column-centred noise, and what it finds beside the released rule. Prints tables, asserts nothing.

python benchmarks/detection.py                                          # n = 10,000, under two minutes on two cores
python benchmarks/detection.py --n 20000 --released CLONE               # beside a clone of the authors' repository
python benchmarks/detection.py --n 50000 --dtype float16 --threads 1 2  # 5 GB
python benchmarks/detection.py --n 50000 --device cuda                  # also every size with 1,000 restarts on a GPU
python benchmarks/detection.py --factors 1000000                        # also a restart without a matrix; 5 GB, minutes
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tables import table

from rethinking_backdoors.detection.factors import Factors, search_factors
from rethinking_backdoors.detection.pairs import Pairs, pair_sums
from rethinking_backdoors.detection.released import ascend_released, search_released
from rethinking_backdoors.detection.search import climb, search_pairs, start
from rethinking_backdoors.reporting.provenance import hardware
from rethinking_backdoors.seeds import generator

# Appendix D.2: ten sizes, 1,000 restarts each.
SIZES = [10 * 2**power for power in range(10)]
RESTARTS = 1000
# What is compared with ten restarts of the released rule on planted blocks: restarts, and whether they escape.
WAYS = {"paper": (10, False), "paper, 50 restarts": (50, False), "paper, escaping": (10, True)}


def options() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[10000], help="examples; W has n x n entries, kept once (10000)")
    parser.add_argument("--size", type=int, default=640, help="solution size of the comparison (640)")
    parser.add_argument("--restarts", type=int, default=3, help="timed restarts (3)")
    parser.add_argument(
        "--dtype", choices=["float32", "float16"], default="float32", help="how W and W + W' are stored (float32)"
    )
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, os.cpu_count() or 1], help="thread counts that are compared"
    )
    parser.add_argument("--device", help="a GPU, on which all restarts of a size are searched at once")
    parser.add_argument("--released", type=Path, help="a clone of the authors' repository, timed beside ours")
    parser.add_argument("--factors", type=int, help="examples of a W that is given by the factors of 2,000 models, one restart")
    parser.add_argument("--planted", type=int, default=1000, help="examples of the matrices with a planted block (1000)")
    return parser.parse_args()


def noise(n: int, dtype: str) -> np.ndarray:
    """Column-centred Gaussian noise (n, n), made a block of rows at a time so that it is never held twice."""
    rng, weights = generator(0, "benchmark", n), np.empty((n, n), dtype=dtype)
    total = np.zeros(n)
    for rows in np.array_split(weights, -(-n // 500)):
        rows[:] = rng.standard_normal(rows.shape, dtype=np.float32)
        total += rows.sum(0, dtype=np.float64)
    for rows in np.array_split(weights, -(-n // 500)):
        rows -= (total / n).astype(np.float32)
    return weights


def draw(pairs: Pairs, size: int, restarts: int) -> np.ndarray:
    """Random starts, (restarts, size) int64."""
    n = len(pairs.diagonal)
    return np.stack([start(pairs.row, n, size, generator(0, "restart", size, r), "random") for r in range(restarts)])


def timed(pairs: Pairs, size: int, restarts: int) -> tuple[float, np.ndarray]:
    """Seconds a restart on one thread, and the mean work of a restart (see ``climb``)."""
    found, objective, certified = draw(pairs, size, restarts), np.empty(restarts), np.empty(restarts, dtype=bool)
    linear = pairs.linear(size)
    started = time.perf_counter()
    work = climb(pairs, linear, found, objective, certified)
    return (time.perf_counter() - started) / restarts, work.mean(0)


def timed_rule(pairs: Pairs, size: int, restarts: int) -> float:
    """Seconds a restart of this project's implementation of the released rule."""
    penalty = (pairs.column_sum - pairs.diagonal) / len(pairs.diagonal) * pairs.scale
    found = draw(pairs, size, restarts)
    started = time.perf_counter()
    for members in found:
        ascend_released(pairs.stored, size * penalty, members)
    return (time.perf_counter() - started) / restarts


def timed_clone(clone: Path, weights: np.ndarray, size: int, restarts: int) -> float | None:
    """Seconds a restart of the authors' code on one thread; None, and a sentence, where it cannot be run."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "W.npy", weights.T.astype(np.float32))
        script = Path(__file__).parent / "released_clone.py"
        command = [sys.executable, str(script), str(clone), str(Path(folder) / "W.npy"), str(size), str(restarts)]
        one = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), "1")
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **one})
    if done.returncode:
        print(f"Note: the released code was not timed: {done.stderr.strip().splitlines()[-1]}\n")
        return None
    return float(np.mean([wall for wall, _ in json.loads(done.stdout)["seconds"]]))


def compare(n: int, chosen: argparse.Namespace) -> tuple[list[str], Pairs]:
    """The row of one n in the first table, and its S."""
    weights, size = noise(n, chosen.dtype), min(chosen.size, n // 2)
    clone = timed_clone(chosen.released, weights, size, chosen.restarts) if chosen.released else None
    started = time.perf_counter()
    pairs = pair_sums(weights, out=weights, threads=max(chosen.threads))
    made = time.perf_counter() - started
    each, (swaps, rows, entries) = timed(pairs, size, chosen.restarts)
    rule = timed_rule(pairs, size, chosen.restarts)
    moved = n * pairs.stored.itemsize * (rows + 2 * swaps) + 64 * entries
    row = [f"{n:,}", str(size), f"{made:.1f}", f"{each:.4f}", f"{swaps:.0f}", f"{entries / swaps:.0f}"]
    row += [f"{moved / (3 * pairs.stored.itemsize * size * n):.2f}", f"{rule:.3f}"]
    row += [f"{clone:.2f}", f"{clone / each:.0f}"] if clone else ["-", "-"]
    return row, pairs


def scaling(pairs: Pairs, chosen: argparse.Namespace) -> list[list[str]]:
    """Restarts a second for every number of threads."""
    size, restarts, rows, first = min(chosen.size, len(pairs.diagonal) // 2), 4 * max(chosen.threads), [], 0.0
    for threads in sorted(set(chosen.threads)):
        started = time.perf_counter()
        search_pairs(pairs, [size], restarts, seed=0, threads=threads)
        rate = restarts / (time.perf_counter() - started)
        first = first or rate
        rows.append([str(threads), f"{rate:.1f}", f"{rate / first:.2f}"])
    return rows


def whole(pairs: Pairs) -> list[list[str]]:
    """Every size of the paper that fits, from two restarts, and what 1,000 of each would take."""
    sizes, rows, total = [size for size in SIZES if size <= len(pairs.diagonal) // 2], [], 0.0
    for size in sizes:
        each, (swaps, _, entries) = timed(pairs, size, 2)
        total += each
        rows.append([str(size), f"{each:.4f}", f"{swaps:.0f}", f"{entries / swaps:.0f}", f"{RESTARTS * each / 60:.1f}"])
    return [*rows, ["all", f"{total:.4f}", "", "", f"{RESTARTS * total / 60:.1f}"]]


def on_device(pairs: Pairs, device: str) -> list[list[str]]:
    """Every size of the paper that fits with all its restarts, run on a torch device: minutes."""
    from rethinking_backdoors.detection.batched import search_batched

    rows, begun = [], time.perf_counter()

    def clock(sizes: list[int]) -> Iterator[int]:
        rows.append(["S to the device", time.perf_counter() - begun])
        for size in sizes:
            started = time.perf_counter()
            yield size
            rows.append([str(size), time.perf_counter() - started])

    sizes = [size for size in SIZES if size <= len(pairs.diagonal) // 2]
    search_batched(pairs, sizes, RESTARTS, seed=0, device=device, progress=clock)
    rows.append(["all", time.perf_counter() - begun])
    return [[name, f"{seconds / 60:.2f}"] for name, seconds in rows]


def from_factors(n: int, size: int = 20, models: int = 2000) -> list[str]:
    """One restart on W of random masks and margins that is never made: what it costs, and the most memory that was in use."""
    rng = generator(0, "factors", n)
    left, right = rng.integers(256, size=(-(-models // 8), n), dtype=np.uint8), np.empty((models, n), dtype=np.float16)
    for row in right:
        row[:] = rng.standard_normal(n, dtype=np.float32)
    factors = Factors(left, right, np.full(n, 4 / models), right.mean(0, dtype=np.float64))
    started = time.perf_counter()
    factors.pair_row(0)
    row = time.perf_counter()
    found = search_factors(factors, [size], 1, seed=0)
    seconds, largest = time.perf_counter() - row, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [f"{n:,}", str(size), f"{row - started:.2f}", f"{seconds:.0f}", str(bool(found.certified.all())), f"{largest:.1f}"]


def planted(n: int) -> list[list[str]]:
    """How often the best restart is the planted block, for blocks of different heights; 20 seeds each."""
    rows, size = [], max(2, n // 50)
    for height in (0.6, 0.9, 1.2):
        hits = np.zeros(5, dtype=int)
        for seed in range(20):
            rng = generator(seed, "planted")
            weights, block = rng.standard_normal((n, n), dtype=np.float32), np.sort(rng.choice(n, size, replace=False))
            weights -= weights.mean(0)
            weights[np.ix_(block, block)] += height
            pairs = pair_sums(weights)
            found = [search_pairs(pairs, [size], restarts, seed=seed, escape=escape) for restarts, escape in WAYS.values()]
            found += [search_released(weights, [size], 10, seed=seed, orientation=o) for o in ("train-columns", "train-rows")]
            for rule, solutions in enumerate(found):
                hits[rule] += bool((solutions.members[0][solutions.objective[0].argmax()] == block).all())
        rows.append([f"{height} sd", str(size), *(f"{hit} of 20" for hit in hits)])
    return rows


def main() -> None:
    """Prints everything."""
    chosen = options()
    print(f"Column-centred Gaussian noise, {chosen.dtype}, on {hardware()}\n")
    small = noise(200, chosen.dtype)
    warm = pair_sums(small, out=small)
    timed(warm, 5, 1), timed_rule(warm, 5, 1)  # compiles
    rows = []
    for n in chosen.n:
        row, pairs = compare(n, chosen)
        rows.append(row)
        if n != chosen.n[-1]:
            del pairs
    header = ["n", "k", "W + W' s", "s a restart", "swaps", "entries a swap", "rows moved / 3k", "released rule s"]
    table([*header, "released code s", "times faster"], rows)
    print(f"Threads, n = {chosen.n[-1]:,}, k = {chosen.size}")
    table(["threads", "restarts a second", "gain"], scaling(pairs, chosen))
    print(
        f"Every size, n = {chosen.n[-1]:,}, one thread; minutes for {RESTARTS:,} restarts (halve them for two threads that scale)"
    )
    table(["k", "s a restart", "swaps", "entries a swap", "minutes"], whole(pairs))
    if chosen.device:
        print(f"Every size, n = {chosen.n[-1]:,}, {RESTARTS:,} restarts on {chosen.device}")
        table(["k", "minutes"], on_device(pairs, chosen.device))
    if chosen.factors:
        del pairs
        print("Without a matrix: W from the factors of 2,000 models, one thread")
        table(["n", "k", "s a row of S", "s diagonal, sums, restart", "certified", "GiB at most"], [from_factors(chosen.factors)])
    print(f"A planted block in {chosen.planted} examples: how often the best of 10 restarts is the block")
    table(["height", "size", *WAYS, "released, rows targets", "released, rows training"], planted(chosen.planted))


if __name__ == "__main__":
    main()
