"""Copies a finished run to results/reference and figures/reference, where README, docs and tests read: make reference CONFIG=...

No rule writes there: a person decides when a run becomes the reference. Of a configuration of which only tables on request
were made: python tools/reference.py CONFIG attacks scan growth
"""

import shutil
import sys
from pathlib import Path

import pandas as pd

from rethinking_backdoors.config import load
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import atomic, read_json, sha256, write_text
from rethinking_backdoors.reporting.provenance import cost

ROOT = Path(__file__).parents[1]
PAGES = ("claims.csv", "cost.csv", "provenance.json", "summary.md", "verification.csv", "verification.md")
# Made on request, so a run may lack them: the reference then keeps what it has.
ON_REQUEST = ("choices", "compute_full", "figure10_full", "released", "control", "lasso", "convergence", "growth", "laws", "scan")
ON_REQUEST += ("study_", "attacks", "certificates", "clients", "removal")
# What the scan says, as rows of the paper's tables: it costs three times as much as they do, and is made on request.
SCANNED = {
    "table3": {"clean_accuracy": "clean_accuracy"},
    "table6": {"asr": "asr"},
    "defenses": {"flagged": "removed", "poison_left": "poison_left", "clean_flagged": "clean_removed"},
}


def check(results: Path, root: Path) -> None:
    """Refuses a run that is not finished or whose files are not those of its record."""
    if lacking := [name for name in PAGES if not (results / name).is_file()]:
        raise InputError(f"{results} holds no finished run ({lacking[0]} is missing): make the run first.")
    for name, digest in read_json(results / "provenance.json")["sha256"].items():
        if not (root / name).is_file() or sha256(root / name) != digest:
            raise InputError(f"{name} is not the file that provenance.json lists: run the workflow again.")


def copied(source: Path, target: Path, names: list[str]) -> list[str]:
    """Copies files by name and removes what ``target`` holds beside them; returns what changed."""
    target.mkdir(parents=True, exist_ok=True)
    old = {
        path.name for path in target.iterdir() if path.is_file() and not path.stem.removesuffix("_seeds").startswith(ON_REQUEST)
    }
    for name in sorted(old - set(names)):
        (target / name).unlink()
    changed = [f"{name} (gone)" for name in sorted(old - set(names))]
    for name in names:
        if not (target / name).exists() or sha256(source / name) != sha256(target / name):
            with atomic(target / name) as temporary:
                shutil.copyfile(source / name, temporary)
            changed.append(name)
    return changed


def copy(dataset: str, root: Path) -> list[str]:
    """Makes the run of a data set in ``root`` the reference there; returns the files that are others than before."""
    results, figures = root / "results" / dataset, root / "figures" / dataset
    check(results, root)
    target, pictures = root / "results/reference" / dataset, root / "figures/reference" / dataset
    # The seeds of what is made on request would be missed in every run that was not asked for it.
    asked = {f"{name}_seeds.csv" for name in ON_REQUEST}
    tables = sorted(path.name for path in (results / "tables").glob("*.csv") if path.name not in asked)
    changed = copied(results / "tables", target / "tables", tables)
    changed += copied(figures, pictures, sorted(path.name for path in figures.glob("*.png")))
    changed += copied(results, target, list(PAGES))
    # The pictures of the reference lie one folder further up.
    summary = (target / "summary.md").read_text(encoding="utf-8")
    write_text(target / "summary.md", summary.replace("(../../figures/", "(../../../figures/reference/"))
    return changed


def copy_requested(dataset: str, root: Path, tables: list[str]) -> list[str]:
    """Copies single tables, and pictures of studies, of a run that need not be finished; cost.csv counts the jobs there were."""
    results, figures = root / "results" / dataset, root / "figures" / dataset
    target, pictures = root / "results/reference" / dataset, root / "figures/reference" / dataset
    changed = []
    for name in tables:
        if not (table := results / f"tables/{name}.csv").is_file():
            raise InputError(f"{table} is missing: make it first.")
        files = {table: target / "tables", figures / f"study_{name}.png": pictures}
        for source, place in files.items():
            if source.is_file():
                place.mkdir(parents=True, exist_ok=True)
                with atomic(place / source.name) as temporary:
                    shutil.copyfile(source, temporary)
                changed.append(source.name)
    write_text(target / "cost.csv", cost(sorted(results.glob("benchmarks/*/*.tsv"))).to_csv(index=False))
    return changed


def add_scan(tables: Path) -> None:
    """Puts the row ``scan`` into Tables 3 and 6 and ``defenses.csv``, where the scan's table is there."""
    if not (tables / "scan.csv").is_file():
        return
    found = pd.read_csv(tables / "scan.csv")
    quiet = found["row"] == "nobody attacked: as it is"
    found = found[(found["row"] == "scan") | (quiet & (found["column"] == "flagged"))]
    found = found.assign(row="scan", seeds=found["seeds"].astype(str).str.split().str.len())
    for name, columns in SCANNED.items():
        if (path := tables / f"{name}.csv").is_file():
            rows = found[found["column"].isin(columns)].replace({"column": columns})
            table = pd.read_csv(path)
            table = pd.concat([table[table["row"] != "scan"], rows]).sort_values("experiment", kind="stable")
            write_text(path, table.to_csv(index=False))


def main(config: str, tables: list[str]) -> None:
    dataset = load(config)["dataset"]
    if tables:
        print(f"results/reference/{dataset}: {', '.join(copy_requested(dataset, ROOT, tables))}, cost.csv")
        add_scan(ROOT / "results/reference" / dataset / "tables")
        return
    changed = copy(dataset, ROOT)
    add_scan(ROOT / "results/reference" / dataset / "tables")
    print(f"results/reference/{dataset}, figures/reference/{dataset}: {len(changed)} files are others than before")
    for name in changed[:20]:
        print(f"  {name}")
    asked = read_json(ROOT / "results/reference" / dataset / "provenance.json")["kernels"]["asked"]
    if asked != "portable":
        print("This run was not made with portable kernels: other processors will not give its last digits.")


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2:])
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
