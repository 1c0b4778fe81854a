"""How Activation Clustering with independent components depends on their start: python benchmarks/independent_components.py

Reads a finished run of config/digits.yaml (its representations, which no kernel changes) and removes once for each of ten
starts; with principal components as the comparison. "examples that differ": between two starts, the largest over all pairs.
"""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
from tables import table

from rethinking_backdoors.attacks.poisoning import read_poisoned
from rethinking_backdoors.defenses.activation_clustering import Settings, defend
from rethinking_backdoors.defenses.interface import Oracle, TrainingSet
from rethinking_backdoors.io import read_npz

STARTS = 10


def removals(examples: TrainingSet, reduction: str) -> list[set[int]]:
    """What is removed from each of the starts."""
    settings = Settings(reduction, 10, "relative_size", 0.35)
    return [set(defend(examples, settings, Oracle(), np.random.default_rng(start)).removed.tolist()) for start in range(STARTS)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results/digits"))
    results, rows = parser.parse_args().results, []
    for place in sorted(results.glob("exp[1-8]/seed*")):
        images, labels = read_poisoned(results / "images" / f"{place.name}.npz", place / "poison.npz")
        learned = read_npz(place / "representations.npz", "representations")["representations"]
        poison, row = set(read_npz(place / "poison.npz", "index")["index"].tolist()), [place.parent.name, place.name]
        for reduction in ("independent", "principal"):
            found = removals(TrainingSet(images, labels, learned, None), reduction)
            counts, hit = [len(removed) for removed in found], [len(removed & poison) for removed in found]
            differ = max(len(one ^ other) for one, other in combinations(found, 2))
            row += [f"{min(counts)} to {max(counts)}", f"{min(hit)} to {max(hit)} of {len(poison)}", str(differ)]
        rows.append(row)
    names = ["removed", "poison removed", "examples that differ"]
    table(["experiment", "seed", *names, *[f"{name} (principal)" for name in names]], rows)


if __name__ == "__main__":
    main()
