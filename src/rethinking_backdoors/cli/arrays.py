"""Arrays of the user's own, whatever made them: numpy or torch, told apart by what the file holds and not by its name."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from rethinking_backdoors.errors import InputError, reading

# How torch's files began before 1.6: a pickled number.
_OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def is_torch(path: Path) -> bool:
    """Whether torch has saved a file."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        start = file.read(len(_OLD_TORCH))
    if start == _OLD_TORCH:
        return True
    with reading(path, "archive"):
        if not zipfile.is_zipfile(path):
            return path.suffix in (".pt", ".pth") and not start.startswith(b"\x93NUMPY")
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") or name == "data.pkl" for name in archive.namelist())


def load_array(path: Path) -> np.ndarray:
    """A .npy array, memory-mapped and never unpickled, or a tensor that torch has saved."""
    if is_torch(path):
        content = load_torch(path)
        if isinstance(content, np.ndarray):
            return content
        raise InputError(f"{path} holds a dictionary: save the tensor that is meant.")
    with reading(path, ".npy file of numbers"):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        array.close()
        raise InputError(f"{path} is an archive of arrays (.npz): save the one that is meant as .npy.")
    # Numbers whose bytes lie the other way round are turned.
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def load_torch(path: Path) -> Any:
    """What torch has saved, tensors alone: a tensor as an array, a dictionary with its tensors as arrays."""
    import torch

    with reading(path, "file of torch", ": or it holds more than tensors, which is never loaded."):
        content = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(content, torch.Tensor):
        return _numbers(path, content)
    if not isinstance(content, dict):
        raise InputError(f"{path} holds neither a tensor nor a dictionary of tensors.")
    return {key: _numbers(path, value) if isinstance(value, torch.Tensor) else value for key, value in content.items()}


def load_masks(path: Path, examples: int) -> np.ndarray:
    """Masks (m, n) bool, from bools, zeros and ones, or bits packed by ``numpy.packbits(masks, axis=1)``.

    Args:
        examples: n, as far as it is known: without it no bits can be told from numbers.
    """
    values = load_array(path)
    packed = values.ndim == 2 and values.dtype == np.uint8 and values.shape[1] == -(-examples // 8) != examples
    if packed:
        values = np.unpackbits(np.asarray(values), axis=1, count=examples)
    if values.ndim != 2 or (values.dtype != bool and not np.isin(values, (0, 1)).all()):
        raise InputError(f"{path} must hold (models, examples) bool, or 0 and 1, or their bits (numpy.packbits, axis 1).")
    return np.asarray(values, dtype=bool)


def _numbers(path: Path, tensor: Any) -> np.ndarray:
    """A torch tensor as numpy has it; also one that was trained or is of a type that numpy lacks (bfloat16)."""
    import torch

    if tensor.layout != torch.strided:
        raise InputError(f"{path} holds a sparse tensor: save its to_dense().")
    lacking = tensor.is_floating_point() and tensor.dtype not in (torch.float16, torch.float32, torch.float64)
    return (tensor.float() if lacking else tensor).detach().numpy()
