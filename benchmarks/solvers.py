"""What this project's own solvers buy beside scikit-learn and numpy, on the same problems in one run. Prints a table.

python benchmarks/solvers.py                                      # m = 3,000 models, n = 1,500 examples, as on digits
python benchmarks/solvers.py --models 6000 --examples 3000
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from datamodels import world
from sklearn.linear_model import Lasso as OneLasso
from sklearn.linear_model import RidgeCV, lasso_path

from rethinking_backdoors.datamodels import Lasso, PackedMasks, Ridge
from rethinking_backdoors.datamodels.overlaps import overlaps, words
from rethinking_backdoors.margins.arrays import mask_columns


def seconds(work: Callable[[], object]) -> tuple[float, object]:
    """Wall-clock time, and what came out."""
    start = time.perf_counter()
    made = work()
    return time.perf_counter() - start, made


def by_bitwise_count(bits: np.ndarray) -> np.ndarray:
    """The sizes of all intersections by numpy alone, a row at a time."""
    return np.stack([np.bitwise_count(row & bits).sum(1, dtype=np.float32) for row in bits])


def one_by_one(masks: np.ndarray, margins: np.ndarray) -> np.ndarray:
    """The LASSO of ``datamodels.Lasso`` by scikit-learn, target by target: a path on nine tenths of the models, a fit to all."""
    scaled = (masks - masks.mean(0)) / masks.std(0)
    held = np.arange(len(masks)) % 10 == 9
    grams = {True: scaled[~held].T @ scaled[~held], False: scaled.T @ scaled}
    found = np.empty((masks.shape[1], margins.shape[1]))
    for target, margin in enumerate(margins.T):
        known = margin[~held] - margin[~held].mean()
        grid, path, _ = lasso_path(scaled[~held], known, eps=0.01, alphas=30, precompute=grams[True], tol=1e-3)
        error = ((margin[held, None] - margin[~held].mean() - scaled[held] @ path) ** 2).sum(0)
        model = OneLasso(alpha=grid[error.argmin()], precompute=grams[False], fit_intercept=False, tol=1e-3)
        found[:, target] = model.fit(scaled, margin - margin.mean()).coef_
    return found


def pairs(packed: PackedMasks, shards: list[np.ndarray], targets: int) -> list[tuple]:
    """What is done, by whom else, and the two ways to do it."""
    masks, margins = mask_columns(packed, 0, packed.shape[1]), np.concatenate(shards).astype(np.float32)
    few = [shard[:, :targets] for shard in shards]
    bits, dense = words(masks.T), masks.astype(np.float32)
    grid = np.geomspace(1, 1e4, 20)
    return [
        ("intersections", "numpy.bitwise_count", lambda: overlaps(bits), lambda: by_bitwise_count(bits)),
        ("intersections", "float32 product", lambda: overlaps(bits), lambda: dense.T @ dense),
        (
            "LASSO, path and fit",
            "scikit-learn",
            lambda: Lasso().fit(packed, few).coef_standardised_,
            lambda: one_by_one(dense, margins[:, :targets]),
        ),
        (
            "ridge, penalty by GCV",
            f"RidgeCV, {len(grid)} penalties",
            lambda: Ridge().fit(packed, shards).coef_,
            lambda: RidgeCV(grid).fit(dense, margins).coef_.T,
        ),
    ]


def main() -> None:
    """Times each pair and prints the table."""
    warnings.filterwarnings("ignore", module="sklearn")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=3000, help="m (3000)")
    parser.add_argument("--examples", type=int, default=1500, help="n (1500)")
    parser.add_argument("--targets", type=int, default=30, help="of the LASSO (30)")
    chosen = parser.parse_args()
    for _, _, own, _ in pairs(*world(60, 20), 5):  # so that no compiler is timed
        own()
    print(f"m = {chosen.models:,} models, n = {chosen.examples:,} examples; LASSO of {chosen.targets} targets, ridge of all\n")
    print("| what | here, s | beside | s | times faster | median difference of a column |\n|---|---|---|---|---|---|")
    for what, other, own, theirs in pairs(*world(chosen.models, chosen.examples), chosen.targets):
        (spent, here), (taken, there) = seconds(own), seconds(theirs)
        # Of a column, in units of its largest value; a target that chooses another penalty differs altogether.
        here, there = np.asarray(here), np.asarray(there)
        apart = np.median(np.abs(here - there).max(0) / np.abs(there).max(0))
        print(f"| {what} | {spent:.2f} | {other} | {taken:.2f} | {taken / spent:.1f} | {apart:.1e} |")


if __name__ == "__main__":
    main()
