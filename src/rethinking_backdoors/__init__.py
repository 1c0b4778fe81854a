"""A replication of "Rethinking Backdoor Attacks" (Khaddaj et al., ICML 2023), usable as a library.

Data flows one way: images -> poison -> margins of many models -> datamodel -> scores -> removed -> retrained -> tables and
figures. Weight matrices are oriented as in the paper: ``W[i, j]`` is the effect of training example ``i`` on the margin of
example ``j``, so column ``j`` is the datamodel of target ``j``.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

__version__ = "0.1.0"


def _place_for_compiled_functions() -> None:
    """numba keeps compiled functions beside their sources, else at home; where it may write to neither it does not start."""
    folders = [Path(__file__).parent, Path(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")))]
    existing = [next((part for part in (folder, *folder.parents) if part.exists()), folder) for folder in folders]
    if "NUMBA_CACHE_DIR" not in os.environ and not any(os.access(folder, os.W_OK) for folder in existing):
        # A folder of this process alone: who can write there decides what is run.
        os.environ["NUMBA_CACHE_DIR"] = place = tempfile.mkdtemp(prefix="rethinking-backdoors-")
        atexit.register(shutil.rmtree, place, ignore_errors=True)


_place_for_compiled_functions()
