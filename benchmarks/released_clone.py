"""Times the search of a clone of the authors' repository (a separate process, one thread); prints one JSON line.

python benchmarks/released_clone.py CLONE MATRIX.npy SIZE RUNS

The matrix (rows targets, columns training examples) is read from the file, so that both searches see the same numbers.
"""

import importlib
import json
import sys
import time
import types
from pathlib import Path

import numpy as np

MODULE = "compute_scores"


def load(clone: Path) -> types.ModuleType:
    """The clone's module with the search; its command-line package, which the search does not use, may be missing."""
    try:
        importlib.import_module("fastargs")
    except ModuleNotFoundError:
        for name in ("fastargs", "fastargs.decorators"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules["fastargs"].get_current_config = None
        sys.modules["fastargs"].Param = lambda *args, **kwargs: None
        sys.modules["fastargs"].Section = lambda *args: types.SimpleNamespace(params=lambda **kwargs: None)
        sys.modules["fastargs.decorators"].param = lambda name: lambda function: function
    sys.path.insert(0, str(clone))
    return importlib.import_module(MODULE)


def main(clone: str, matrix: str, size: str, runs: str) -> None:
    """See the module."""
    if not (Path(clone) / f"{MODULE}.py").is_file():
        sys.exit(f"{clone} holds no {MODULE}.py: give the folder of a clone of the authors' repository.")
    module = load(Path(clone))
    weights = np.load(matrix)
    np.fill_diagonal(weights, 0)
    np.fill_diagonal(weights, -weights.sum(1) * (int(size) / len(weights)))
    module.optimize(weights[:300, :300].copy(), size=10)
    seconds, members = [], []
    for run in range(int(runs)):
        np.random.seed(run)  # noqa: NPY002 - the clone draws its starts from it
        started = time.perf_counter(), time.process_time()
        members.append(np.sort(module.optimize(weights, size=int(size))).tolist())
        seconds.append([time.perf_counter() - started[0], time.process_time() - started[1]])
    print(json.dumps({"seconds": seconds, "members": members}))


if __name__ == "__main__":
    main(*sys.argv[1:])
