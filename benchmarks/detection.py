"""What the search costs, and what it finds, against the rule of the authors' public code. Prints tables, asserts nothing.

python benchmarks/detection.py                                       # n = 2,000 and 5,000: about a minute
python benchmarks/detection.py --n 10000 20000 50000 --storage float16
python benchmarks/detection.py --n 10000 --released CLONE            # times a clone of the authors' repository beside ours
python benchmarks/detection.py --n 50000 --device cuda --full        # all sizes, 1,000 restarts
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from training import table

from rethinking_backdoors.detection.pairs import Pairs, pair_sums
from rethinking_backdoors.detection.released import ORIENTATIONS, search_released
from rethinking_backdoors.detection.search import climb, search_pairs
from rethinking_backdoors.provenance import hardware

SIZES = [10 * 2**i for i in range(10)]
RESTARTS = 1000  # of the paper, for each size


def options() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[2000, 5000], help="sides of the matrices (2000 5000)")
    parser.add_argument("--k", type=int, default=640, help="solution size of the first table (640)")
    parser.add_argument("--restarts", type=int, default=4, help="timed restarts (4)")
    parser.add_argument("--storage", choices=["float32", "float16"], default="float32", help="of W + W'")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the projection to all sizes and restarts (all)")
    parser.add_argument("--device", default="cpu", help="a GPU for all restarts of a size at once")
    parser.add_argument("--full", action="store_true", help="run all sizes with 1,000 restarts instead of projecting")
    parser.add_argument("--released", type=Path, metavar="CLONE", help="a clone of the authors' repository")
    return parser.parse_args()


def noise(n: int) -> np.ndarray:
    """Column-centred Gaussian noise (n, n) float32."""
    weights = np.random.default_rng(n).standard_normal((n, n), dtype=np.float32)
    weights -= weights.mean(0)
    return weights


def timed_clone(clone: Path, weights: np.ndarray, k: int) -> float:
    """Processor seconds of one restart of the clone, in a process with one thread."""
    one = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows_are_targets.npy")
        np.save(path, weights.T)
        command = [sys.executable, str(Path(__file__).with_name("released_clone.py")), str(clone), str(path), str(k), "2"]
        done = subprocess.run(command, capture_output=True, text=True, env=one)
    if done.returncode:
        sys.exit(done.stderr.strip().splitlines()[-1])
    return min(cpu for _, cpu in json.loads(done.stdout)["seconds"])


def one_restart(n: int, chosen: argparse.Namespace) -> tuple[list[str], Pairs]:
    """The row of one matrix in the first table, and its S."""
    weights, k = noise(n), min(chosen.k, n // 2)
    clone = timed_clone(chosen.released, weights, k) if chosen.released else None
    search_released(weights[:200, :200], [2], 1, seed=0, orientation="train-columns")  # compiles
    started = time.process_time()
    search_released(weights, [k], 1, seed=0, orientation="train-columns")
    released = time.process_time() - started
    out = weights if chosen.storage == "float32" else np.empty(weights.shape, np.float16)
    started = time.perf_counter()
    pairs = pair_sums(weights, out=out)
    built, width = time.perf_counter() - started, pairs.stored.itemsize
    del weights
    rng, linear, best = np.random.default_rng(0), pairs.linear(k), np.inf
    search_pairs(pairs, [2], 1, seed=0)  # compiles
    for _ in range(chosen.restarts):
        found = rng.choice(n, k, replace=False)[None]
        started = time.process_time()
        work = climb(pairs, linear, found, np.empty(1), np.empty(1, dtype=bool))
        best = min(best, time.process_time() - started)
    swaps, rows, entries = work[0]
    moved = width * (n * (2 * swaps + rows) + entries)
    row = [f"{n:,}", f"{k}", f"{1000 * best:.1f}", f"{swaps}", f"{moved / (3 * width * k * n):.2f}", f"{built:.1f}"]
    return [*row, f"{released / best:.0f}", f"{clone:.2f} s, {clone / best:.0f}" if clone else "-"], pairs


def everything(n: int, pairs: Pairs, chosen: argparse.Namespace) -> list[str]:
    """Minutes for all sizes and 1,000 restarts of each; projected from one restart a thread unless asked to run."""
    sizes = [size for size in SIZES if size <= n // 2]
    run = RESTARTS if chosen.full else chosen.threads
    started = time.perf_counter()
    if chosen.device == "cpu":
        search_pairs(pairs, sizes, run, seed=0, threads=chosen.threads)
    else:
        from rethinking_backdoors.detection.batched import search_batched

        run = RESTARTS
        search_batched(pairs, sizes, run, seed=0, device=chosen.device)
    minutes = (time.perf_counter() - started) / 60 * RESTARTS / run
    where = f"{chosen.threads} threads" if chosen.device == "cpu" else chosen.device
    return [f"{n:,}", f"{sizes[0]} to {sizes[-1]}", where, f"{minutes:.1f}", "run" if run == RESTARTS else "projected"]


def planted(n: int = 1000, size: int = 40, draws: int = 10, restarts: int = 20) -> list[list[str]]:
    """How often a planted block is found whole, and the objective (eq. 7) in percent of the block's."""
    rows = []
    for shift in (0.5, 0.7, 0.9):
        found: dict[str, list[float]] = {}
        for draw in range(draws):
            weights = noise(n) + np.random.default_rng(draw).standard_normal((n, n), dtype=np.float32) * 0.01
            block = np.random.default_rng(draw).choice(n, size, replace=False)
            weights[np.ix_(block, block)] += shift
            weights -= weights.mean(0)
            exact = search_pairs(pair_sums(weights), [size], restarts, seed=draw)
            ways = {"exact": exact}
            for orientation in ORIENTATIONS:
                ways[orientation] = search_released(weights, [size], restarts, seed=draw, orientation=orientation)
            for name, solutions in ways.items():
                shares = [np.isin(members, block).mean() for members in solutions.members[0]]
                found.setdefault(name, []).append(np.mean(np.array(shares) > 0.9))
        rows.append([f"{shift}", *(f"{100 * np.mean(found[name]):.0f} %" for name in ("exact", *ORIENTATIONS))])
    return rows


def main() -> None:
    """Runs everything and prints it."""
    chosen = options()
    print(f"{hardware()}; W + W' in {chosen.storage}\n")
    first, second = [], []
    for n in chosen.n:
        row, pairs = one_restart(n, chosen)
        first.append(row)
        second.append(everything(n, pairs, chosen))
    head = ["n", "k", "ms a restart, one thread", "swaps", "bytes moved / 3 k rows", "seconds to make W + W'"]
    table([*head, "released rule, ours / exact", "the clone: a restart, times ours"], first)
    table(["n", "sizes", "on", "minutes for all sizes x 1,000 restarts", ""], second)
    head = ["planted block of 40 in 1,000: shift / noise", "restarts that find it: exact"]
    table([*head, *(f"released rule, {orientation}" for orientation in ORIENTATIONS)], planted())


if __name__ == "__main__":
    main()
