"""Which vector instructions the numerical libraries compute with: the same everywhere, or the fastest of the machine.

torch, MKL, oneDNN, OpenBLAS, numpy and numba look at the processor and choose; sums are then taken in another order and last
digits differ. They can be told what to choose by variables of the environment, which they read when they are loaded, so these
must be set before. Nothing here imports any of them at the top.
"""

import os
import platform
import sys
from pathlib import Path

# AVX2 with FMA: every x86-64 processor since Intel's Haswell (2013) and AMD's Zen (2017) has them.
PORTABLE = {
    "ATEN_CPU_CAPABILITY": "avx2",  # torch
    "MKL_CBWR": "AVX2",  # Intel's MKL, torch's matrix products
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # torch's convolutions
    "OPENBLAS_CORETYPE": "Haswell",  # numpy's and scipy's matrix products
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # numpy's own loops: exp, log, pow, sorting
    "NUMBA_CPU_NAME": "x86-64-v3",
    "NUMBA_CPU_FEATURES": "",  # those that the name implies, none of the machine's own
}
WARNING = "This processor lacks AVX2: numbers will differ from those of other machines in their last digits."


def available() -> bool:
    """Whether this machine's processor has the instructions that ``PORTABLE`` names."""
    return {"avx2", "fma"} <= _flags()


def bfloat16() -> bool:
    """Whether this process multiplies bfloat16 numbers on the processor itself: it can, and need not compute like all others.

    Elsewhere bfloat16 is converted back and forth and costs more than it saves.
    """
    return bool({"avx512_bf16", "amx_bf16"} & _flags()) and "ONEDNN_MAX_CPU_ISA" not in os.environ


def _flags() -> set[str]:
    """The instructions of this machine's processor, as Linux calls them."""
    if platform.machine() not in ("x86_64", "AMD64") or not Path("/proc/cpuinfo").exists():
        return set()
    return set(next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")), "").split())


def environment(kernels: str) -> dict[str, str]:
    """The variables to set for the configuration's key ``kernels``: "portable", or "fastest", which leaves all as it is.

    Empty also where the processor lacks AVX2.
    """
    return dict(PORTABLE) if kernels == "portable" and available() else {}


def restart(kernels: str) -> None:
    """Starts this Python process again, with the same arguments, under the kernels asked for; returns if it is already.

    For commands that learn from a file which kernels they need, when the libraries may already have chosen. Where there are none
    to choose from, standard error says that numbers will differ.
    """
    wanted = environment(kernels)
    if kernels == "portable" and not wanted:
        print(WARNING, file=sys.stderr)
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **wanted})


def describe() -> dict[str, str]:
    """What each library computes with in this process, by its own word where it has one, else by its variable."""
    import numba  # only here: what the libraries say they know once they are loaded
    import numpy as np
    import threadpoolctl
    import torch

    info = threadpoolctl.threadpool_info()
    openblas = sorted({entry["architecture"] for entry in info if entry.get("internal_api") == "openblas"})
    return {
        "torch": torch.backends.cpu.get_cpu_capability(),
        "mkl": os.environ.get("MKL_CBWR", "its choice"),
        "onednn": os.environ.get("ONEDNN_MAX_CPU_ISA", "its choice"),
        "openblas": ", ".join(openblas) or "not loaded",
        "numpy": ", ".join(np.show_config(mode="dicts")["SIMD Extensions"]["found"]),
        "numba": getattr(numba.config, "CPU_NAME", None) or "the processor's",
    }
