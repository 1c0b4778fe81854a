"""What fitting datamodels costs, against one matrix product of that size in the same run. Prints a table, asserts nothing.

python benchmarks/datamodels.py                                             # a toy size
python benchmarks/datamodels.py --models 10000 --examples 10000 --lasso 500
python benchmarks/datamodels.py --models 100000 --examples 50000 --device cuda
"""

import argparse
import os
import time
from collections.abc import Callable

import numpy as np
import torch

from rethinking_backdoors.datamodels import DifferenceInMeans, Lasso, PackedMasks, Ridge
from rethinking_backdoors.seeds import generator

_MODELS_AT_ONCE = 1000


def options() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=3000, help="m (3000)")
    parser.add_argument("--examples", type=int, default=3000, help="n, and as many targets (3000)")
    parser.add_argument("--lasso", type=int, help="targets of the LASSO, whose time grows with them (a tenth; all on a device)")
    parser.add_argument("--device", help="a torch device; numpy and numba on the processor if not given")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="for what BLAS does not do (all)")
    parser.add_argument("--repeats", type=int, default=1, help="the fastest of so many counts (1)")
    return parser.parse_args()


def world(m: int, n: int) -> tuple[PackedMasks, list[np.ndarray]]:
    """Packed masks of half-sized subsets and shards of margins, float16: every target depends on ten examples, and on noise."""
    rng = generator(0, "benchmark")
    partners = rng.integers(0, n, (10, n))
    chunks, shards = [], []
    for start in range(0, m, _MODELS_AT_ONCE):
        rows = rng.random((min(_MODELS_AT_ONCE, m - start), n), dtype=np.float32) < 0.5
        chunks.append(np.packbits(rows, axis=1))
        margins = rng.standard_normal(rows.shape, dtype=np.float32)
        for partner in partners:
            margins += 0.2 * rows[:, partner]
        shards.append(margins.astype(np.float16))
    return PackedMasks(np.concatenate(chunks), n), shards


def seconds(work: Callable[[], object], device: str | None, repeats: int) -> float:
    """The shortest of some wall-clock times."""
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        if device is not None and device.startswith("cuda"):
            torch.cuda.synchronize(device)
        spent.append(time.perf_counter() - start)
    return min(spent)


def product(m: int, n: int, device: str | None) -> Callable[[], object]:
    """One product (n, m) times (m, n), float32."""
    if device is None:
        first, second = np.ones((n, m), dtype=np.float32), np.ones((m, n), dtype=np.float32)
        return lambda: first @ second
    first, second = torch.ones(n, m, device=device), torch.ones(m, n, device=device)
    return lambda: first @ second


def compile_everything(device: str | None) -> None:
    """So that no compiler is timed."""
    masks, shards = world(40, 8)
    for estimator in (DifferenceInMeans(device=device), Ridge(device=device), Lasso(device=device)):
        estimator.fit(masks, shards)


def main() -> None:
    """Times everything and prints the table."""
    chosen = options()
    m, n, device = chosen.models, chosen.examples, chosen.device
    targets = chosen.lasso or (n // 10 if device is None else n)
    compile_everything(device)
    masks, shards = world(m, n)
    print(f"m = {m} models, n = {n} examples, n targets; {device or 'processor'}, {chosen.threads} threads\n")
    one = seconds(product(m, n, device), device, chosen.repeats + 1)
    rows = {"matrix product, n x m times m x n": one}
    fits = {
        "difference in means": lambda: DifferenceInMeans(device=device).fit(masks, shards),
        "ridge, penalty by cross-validation": lambda: Ridge(device=device, threads=chosen.threads).fit(masks, shards),
        f"LASSO, {targets} targets": lambda: Lasso(device=device, threads=chosen.threads).fit(
            masks, [shard[:, :targets] for shard in shards]
        ),
    }
    for name, work in fits.items():
        rows[name] = seconds(work, device, chosen.repeats)
    print(f"| {'work':<36} | {'seconds':>9} | {'products':>8} |\n| {'-' * 36} | {'-' * 9} | {'-' * 8} |")
    for name, spent in rows.items():
        print(f"| {name:<36} | {spent:>9.2f} | {spent / one:>8.2f} |")
    print(f"\nLASSO, all {n} targets at that rate: {rows[f'LASSO, {targets} targets'] * n / targets:.0f} seconds")


if __name__ == "__main__":
    main()
