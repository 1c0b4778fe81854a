"""Programs and libraries of a Debian system as histograms of their bytes; the class is the section of the package they are of."""

import subprocess
from collections import Counter
from pathlib import Path

import numpy as np

from rethinking_backdoors.data.records import levels
from rethinking_backdoors.errors import InputError

ORIGIN = "programs of this Debian system"
OTHER = "What is installed differs from machine to machine."
KNOWN: dict[str, str] = {}
# Sections with fewer files are left out.
FEWEST = 100
_ELF = b"\x7fELF"


def load(folder: str | Path, name: str, columns: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """See ``records``: ELF files below ``folder``, the root of the system, each once; 256 columns."""
    sections = _sections(Path(folder))
    kept = {section for section, count in Counter(sections.values()).items() if count >= FEWEST}
    if len(kept) < 2:
        raise InputError(f"{folder} is no Debian system with {FEWEST} programs in each of two sections or more.")
    files = sorted(path for path, section in sections.items() if section in kept)
    classes, labels = np.unique([sections[path] for path in files], return_inverse=True)
    rows = [levels.of_shares(histogram(Path(path).read_bytes())) for path in files]
    return np.stack(rows), labels.astype(np.int64), [str(section) for section in classes]


def histogram(data: bytes) -> np.ndarray:
    """The share of each byte, (256,) float64."""
    return np.bincount(np.frombuffer(data, dtype=np.uint8), minlength=256) / max(1, len(data))


def _sections(root: Path) -> dict[str, str]:
    """Every ELF file that a package owns, and that package's section."""
    command = ["dpkg-query", f"--admindir={root / 'var/lib/dpkg'}", "-W", "-f", "${binary:Package}\t${Section}\n"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise InputError(f"{root} is no Debian system: dpkg-query has no answer there.") from None
    found = {}
    for package, section in (line.split("\t") for line in said.splitlines()):
        listed = root / f"var/lib/dpkg/info/{package}.list"
        for line in listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []:
            path = root / line.lstrip("/")
            if path.is_file() and not path.is_symlink() and _is_elf(path):
                found[str(path.resolve())] = section
    return found


def _is_elf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_ELF)) == _ELF
    except OSError:
        return False
