"""Copies a finished run to results/reference and figures/reference, where README, docs and tests read: make reference CONFIG=...

No rule writes there: a person decides when a run becomes the reference. Of a configuration of which only tables on request
were made: python tools/reference.py CONFIG attacks scan growth
"""

import shutil
import sys
from pathlib import Path

from rethinking_backdoors.config import load
from rethinking_backdoors.errors import InputError
from rethinking_backdoors.io import atomic, read_json, sha256, write_text
from rethinking_backdoors.reporting.provenance import cost

ROOT = Path(__file__).parents[1]
PAGES = ("claims.csv", "cost.csv", "provenance.json", "summary.md", "verification.csv", "verification.md")
# Made on request, so a run may lack them: the reference then keeps what it has.
ON_REQUEST = ("choices", "compute_full", "figure10_full", "released", "control", "lasso", "convergence", "growth", "laws", "scan")
ON_REQUEST += ("study_", "attacks", "certificates", "clients")


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


def main(config: str, tables: list[str]) -> None:
    dataset = load(config)["dataset"]
    if tables:
        print(f"results/reference/{dataset}: {', '.join(copy_requested(dataset, ROOT, tables))}, cost.csv")
        return
    changed = copy(dataset, ROOT)
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
