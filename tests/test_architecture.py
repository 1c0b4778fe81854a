"""A module imports only from floors below its own; snakemake and ffcv stay where they belong."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "rethinking_backdoors"
# A room is a folder or a file of the library's root; from the ground up.
FLOORS = [
    {"config", "errors", "io", "kernels", "methods", "seeds"},
    {"data", "margins", "running"},
    {"attacks", "datamodels", "training"},
    {"defenses", "detection", "strength"},
    {"evaluation", "experiment"},
    {"scan", "studies"},
    {"reporting"},
    {"cli"},
]
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def floor(name):
    return next(number for number, names in enumerate(FLOORS) if name in names)


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            if node.module == PACKAGE.name:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in imports(path):
        if name.startswith("rethinking_backdoors."):
            other = name.split(".")[1]
            assert other == own or floor(other) <= floor(own), f"{own} imports {other}"
        assert name.split(".")[0] != "snakemake"
        assert name.split(".")[0] != "ffcv" or path.name == "beton.py"


def test_detection_knows_no_data_set_attack_or_file():
    for folder in ("detection", "datamodels", "defenses"):
        for path in (PACKAGE / folder).glob("*.py"):
            names = {name.split(".")[1] for name in imports(path) if name.startswith("rethinking_backdoors.")}
            assert names <= {"detection", "datamodels", "seeds", "defenses", "errors", "margins", "methods"}


def test_the_house_is_small_enough_to_know():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}
    assert rooms == set.union(*FLOORS)
    assert len(rooms) <= 25
    assert len(FLOORS) <= 8
    for path in MODULES:
        assert len(path.read_text().splitlines()) <= 250, path
    for path in (PACKAGE.parents[1] / "scripts").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 30, path
