"""The few operations that differ between numpy on the processor and torch on a device. Everything is float32 unless asked."""

from typing import Any

import numpy as np
from scipy.linalg import blas, lapack

from rethinking_backdoors.errors import InputError

# A numpy array on the host, a torch tensor on a device.
Array = Any


class Host:
    """numpy and LAPACK.

    Args:
        dtype: what products are computed in; the other operations are for float32 alone.
    """

    def __init__(self, dtype: type = np.float32):
        self.dtype = dtype

    def put(self, array: np.ndarray) -> np.ndarray:
        """The array in C order and of the type that products are computed in, a copy only where needed."""
        return np.ascontiguousarray(array, dtype=self.dtype)

    def get(self, array: np.ndarray) -> np.ndarray:
        """The array as numpy has it."""
        return array

    def factor(self, square: np.ndarray) -> np.ndarray:
        """Cholesky factor of a symmetric positive definite matrix (d, d), which is overwritten.

        Raises:
            InputError: the matrix is not positive definite in this precision.
        """
        # LAPACK counts columns first: the upper triangle of .T is the lower one of the C-ordered matrix.
        factor, failed = lapack.spotrf(square.T, lower=1, overwrite_a=1, clean=0)
        if failed:
            raise InputError("the penalty is too small for single precision: the penalised Gram matrix is not positive definite.")
        return factor

    def solve(self, factor: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Solves for a right side (d, b) in C order, in place and returned."""
        # right.T is in LAPACK's order, so the triangular systems are solved from the right, without a copy.
        half = blas.strsm(1.0, factor, right.T, side=1, lower=1, trans_a=1, overwrite_b=1)
        return blas.strsm(1.0, factor, half, side=1, lower=1, overwrite_b=1).T


class Device:
    """torch on any device."""

    def __init__(self, name: str):
        import torch  # only here: loading torch takes longer than many a fit without it

        self.torch, self.name = torch, torch.device(name)

    def put(self, array: np.ndarray) -> Array:
        """The array on the device."""
        return self.torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(self.name)

    def get(self, array: Array) -> np.ndarray:
        """The tensor as a numpy array on the host."""
        return array.cpu().numpy()

    def factor(self, square: Array) -> Array:
        """See ``Host.factor``."""
        failed = self.torch.empty((), dtype=self.torch.int32, device=self.name)
        # torch factors what counts columns first: of anything else it makes a copy, 10 GB at 50,000 examples.
        columns_first = square.mT
        self.torch.linalg.cholesky_ex(columns_first, out=(columns_first, failed))
        if failed.item():
            raise InputError("the penalty is too small for single precision: the penalised Gram matrix is not positive definite.")
        return columns_first

    def solve(self, factor: Array, right: Array) -> Array:
        """See ``Host.solve``; not in place."""
        # cholesky_solve would copy the factor each time.
        half = self.torch.linalg.solve_triangular(factor, right, upper=False)
        return self.torch.linalg.solve_triangular(factor.mT, half, upper=True)


def backend(device: str | None, dtype: type = np.float32) -> Host | Device:
    """numpy with products in ``dtype`` if no device is named, else torch on that device in float32."""
    return Host(dtype) if device is None else Device(device)
