"""The one error that a user can mend, and what turns a machine's refusals and damaged files into it."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

# Longer sentences, which repeat what a file says, lose their middle.
_LONGEST = 1500


class InputError(ValueError):
    """Bad input, a bad setting, a damaged file, in one clear sentence, with which commands and jobs end, and with exit code 2."""

    def __init__(self, sentence: str):
        half = _LONGEST // 2
        super().__init__(sentence if len(sentence) <= _LONGEST else f"{sentence[:half]} ... {sentence[-half:]}")


# What a machine refuses, and what to do about it.
_REFUSED = {
    errno.ENOSPC: "the disk is full: make room and run the same command again",
    errno.EDQUOT: "the disk quota is used up: make room and run the same command again",
    errno.EFBIG: "a file may not become as large here (ulimit -f)",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "permission is denied: see who owns it and its folder",
    errno.EPERM: "permission is denied: see who owns it and its folder",
    errno.EIO: "the disk reports an error",
    errno.EMFILE: "too many files are open (ulimit -n)",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EISDIR: "it is a folder, where a file is needed",
    errno.ENOTDIR: "a part of its path is a file, where a folder is needed",
    errno.ELOOP: "its links lead in a circle",
}


def refusal(error: BaseException, path: str | Path | None = None) -> str | None:
    """What the machine refused (memory, disk, permission), in one sentence; None where an error is something else.

    Args:
        path: what was read or written, where the error does not name it.
    """
    text = str(error)
    if isinstance(error, MemoryError) or "allocate memory" in text or type(error).__name__ == "OutOfMemoryError":
        detail = f" ({' '.join(text.split())[:100]})" if text else ""
        return f"Memory ran out{detail}: end other programs, or give this one more."
    if not isinstance(error, OSError):
        return None
    # numpy counts what it could not write, and says no number.
    number = errno.ENOSPC if error.errno is None and "requested and" in text and "written" in text else error.errno
    return f"{error.filename or path or 'A file'}: {_REFUSED[number]}." if number in _REFUSED else None


@contextlib.contextmanager
def reading(path: str | Path, what: str, advice: str = "") -> Iterator[None]:
    """What goes wrong where a library parses a file ends in one sentence: it is missing, refused, or damaged.

    Nothing else belongs into the block: libraries raise errors of any type on bytes that they do not expect.

    Args:
        what: the file should be, ".npy file of numbers". advice: instead of the full stop of the sentence about damage.
    """
    try:
        if Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir():
            raise InputError(f"{path} is no file, but a pipe or a device.")
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: make it first or correct the path.") from None
    except Exception as error:
        raise InputError(refusal(error, path) or f"{path} is truncated or no {what}{advice or '.'}") from None


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """A machine's refusal to write ends in one sentence."""
    try:
        yield
    except OSError as error:
        if sentence := refusal(error, path):
            raise InputError(sentence) from error
        raise
