"""Do the numbers depend on the processor? Runs the same experiments as other processors would compute them: make test-machines

A processor with many vector instructions can compute as an older one does. Every set of kernels below makes the tiny
configuration and digits' experiments 2, 5 and 7 anew, in a folder of its own; then every number of every seed is compared with
the portable set's.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

from rethinking_backdoors.config import load
from rethinking_backdoors.kernels import PORTABLE

ROOT = Path(__file__).parents[1]
OLDEST = {
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Nehalem",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "NUMBA_CPU_NAME": "nehalem",
    "NUMBA_CPU_FEATURES": "",
}
SETS = {"portable": PORTABLE, "of this processor": {}, "of 2008": OLDEST}
RUNS = {"digits": ("config/digits.yaml", [2, 5, 7]), "tiny": ("tests/workflow/tiny.yaml", None)}
KEYS = ["table", "experiment", "row", "column", "seed"]
# Slopes, levels, weights and objectives (evidence.csv): sums of floating-point numbers, whose last digits depend on the kernels.
CONTINUOUS = ("figure7", "figure8", "figure9", "lemma2", "natural")


def run(name: str, kernels: str, folder: Path, cores: str) -> pd.DataFrame:
    """Every number of every seed (seeds.csv and evidence.csv) under one set of kernels; what is there already is kept."""
    source, only = RUNS[name]
    config = load(ROOT / source) | {"kernels": "fastest", "loader": "tensor"} | ({"only": only} if only else {})
    place = folder / kernels.replace(" ", "_")
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    tables = [f"results/{config['dataset']}/tables/{table}.csv" for table in ("seeds", "evidence")]
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", place, "--cores", cores]
    environment = {key: value for key, value in os.environ.items() if key not in PORTABLE} | SETS[kernels]
    cache = {"NUMBA_CACHE_DIR": str(place / "numba")}
    done = subprocess.run(
        [*map(str, command), *tables, "--quiet", "all", "--configfile", str(place / f"{name}.yaml")],
        env=environment | cache,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        sys.exit(f"The run of {name} with the kernels {kernels} failed: see above.")
    return pd.concat([pd.read_csv(place / table, dtype={"value": str}) for table in tables]).set_index(KEYS)["value"].to_frame()


def moved(numbers: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Every number that is not the portable kernels', to the byte: its place, both values, and the share of the quantity's
    largest value by which they differ."""
    found = []
    for kernels in list(numbers)[1:]:
        both = pd.concat({"portable": numbers["portable"]["value"], "other": numbers[kernels]["value"]}, axis=1)
        differs = both[both["portable"] != both["other"]].reset_index()
        largest = numbers["portable"]["value"].astype(float).abs().groupby(["table", "row", "column"]).max().rename("largest")
        differs = differs.join(largest, on=["table", "row", "column"])
        share = (differs["portable"].astype(float) - differs["other"].astype(float)).abs() / differs["largest"]
        found.append(differs.drop(columns="largest").assign(share=share, kernels=kernels))
    return pd.concat(found, ignore_index=True)


def report(name: str, numbers: dict[str, pd.DataFrame]) -> None:
    """Prints how many numbers move, how far in each table, and every one in the tables of accuracy, attack success and AUROC."""
    found, count = moved(numbers), len(numbers["portable"])
    print(f"\n{name}: {count} numbers of each seed; the same to the byte as with the portable kernels:")
    for kernels in list(numbers)[1:]:
        differing = (found["kernels"] == kernels).sum()
        print(f"  kernels {kernels}: {count - differing}; not the same: {differing}")
    if len(found):
        by_table = found.groupby(["kernels", "table"])["share"].agg(["size", "max"])
        by_table.columns = ["numbers that differ", "largest difference / largest value"]
        print(by_table.to_string(float_format="{:.1e}".format))
    coarse = found[~found["table"].isin(CONTINUOUS)]
    if len(coarse):
        print("Each number that differs, outside the tables of continuous quantities:\n" + coarse.to_string(index=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("results/machines"), help="where the runs go; kept for the next time")
    parser.add_argument("--cores", default="all")
    parser.add_argument("--only", choices=list(RUNS), help="one of the configurations")
    options = parser.parse_args()
    for name in [options.only] if options.only else RUNS:
        report(name, {kernels: run(name, kernels, options.folder.absolute() / name, options.cores) for kernels in SETS})


if __name__ == "__main__":
    main()
