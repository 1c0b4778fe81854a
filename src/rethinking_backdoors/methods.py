"""Methods by name: attacks and defenses are modules of a folder, each with ``Settings`` and one function of a fixed name."""

import importlib
import pkgutil
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rethinking_backdoors.errors import InputError


def find(folder: ModuleType, name: str | None, function: str) -> ModuleType:
    """The module ``name`` of a package, if it has the function.

    Raises:
        InputError: it does not, or there is no such module.
    """
    kind = folder.__name__.rpartition(".")[2]
    if name in [module for _, module, _ in pkgutil.iter_modules(folder.__path__)]:
        module = importlib.import_module(f"{folder.__name__}.{name}")
        if hasattr(module, function):
            return module
    raise InputError(f"There is no {kind.removesuffix('s')} '{name}': it is a module of {kind}/ with a function {function}.")


def settings(module: ModuleType, given: dict[str, Any]) -> Any:
    """The module's ``Settings`` with the given values.

    Raises:
        InputError: it has other settings, or values of another type.
    """
    kind, _, name = module.__name__.rpartition(".")
    try:
        module.Settings(**given)  # names what is missing, and what there is too much of
        return TypeAdapter(module.Settings).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        said = f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}; given: {first['input']}"
    except TypeError as error:
        said = str(error)
    what = kind.rpartition(".")[2].removesuffix("s")
    raise InputError(f"The settings of the {what} {name} are wrong: {said}.")
