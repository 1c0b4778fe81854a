"""Packages that a machine with nothing but torch may lack, copied out of this environment as they are installed."""

import shutil
from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path

from rethinking_backdoors.errors import InputError

# What the library imports on such a machine and torch does not bring.
PACKAGES = ("pydantic", "pydantic-core", "annotated-types", "typing-inspection", "typing-extensions", "tqdm", "pyyaml")


def bundle(target: Path) -> None:
    """Copies the packages to ``target`` and prints their versions and size."""
    for package in PACKAGES:
        try:
            listed = files(package) or []
        except PackageNotFoundError:
            raise InputError(f"{package} is not installed here: run this in the environment of make reproduce.") from None
        for file in listed:
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), target / file)
        print(f"{package} {version(package)}")
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(f"{target}: {size / 2**20:.1f} MiB")
