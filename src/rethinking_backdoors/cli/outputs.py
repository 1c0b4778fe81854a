"""Where a command writes, looked at before the work: no file of the user is replaced, and no work lost for want of a folder."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from rethinking_backdoors.errors import InputError

Force = Annotated[bool, typer.Option("--force", help="replace files that no command of this project has written")]
# What the first bytes of our own files hold: the scores, the estimates, and what matplotlib puts into pictures.
_OURS = (b"index,score,rank,flagged", b"index,estimate,in_support", b"Matplotlib", b"matplotlib")
_ARRAY = b"\x93NUMPY"


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None], force: bool) -> None:
    """Refuses to write where it would fail, or would take the place of something that is not this project's.

    Args:
        outputs: every file that will be written. inputs: every file or folder that is read; a manifest lies beside a .npy file.

    Raises:
        InputError: an output is an input, a folder, or a file of another kind (without ``force``), or cannot be written.
    """
    read = {path.resolve() for path in inputs if path}
    read |= {path.with_suffix(".json") for path in read if path.suffix == ".npy"}
    for path in filter(None, outputs):
        if path.resolve() in read:
            raise InputError(f"{path} is read by this command: give another name for what it writes.")
        if path.is_dir():
            raise InputError(f"{path} is a folder: give the name of a file.")
        _check_folder(path)
        if path.exists() and not force and not _is_ours(path):
            raise InputError(f"{path} exists and was not written by this command: give another name, or --force to replace it.")


def _check_folder(path: Path) -> None:
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made a folder ({error.strerror}): give another name.") from None
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder} cannot be written to: give another name.")


def _is_ours(path: Path) -> bool:
    """Whether a file is of a kind that the commands write, so that a second run may replace the first one's."""
    with open(path, "rb") as file:
        start = file.read(4096)
    if start.startswith(_ARRAY):  # a matrix with our manifest
        manifest = path.with_suffix(".json")
        return manifest.is_file() and b'"sha256"' in manifest.read_bytes()
    if path.suffix == ".json":
        return b'"sha256"' in path.read_bytes() or b'"detector"' in start
    return any(mark in start for mark in _OURS)
