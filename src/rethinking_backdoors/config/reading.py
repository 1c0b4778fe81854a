"""Reading a configuration: every fault ends in one sentence that names its place."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from rethinking_backdoors.config.sense import senseless
from rethinking_backdoors.errors import InputError

# The configurations that come with the package.
PACKAGED = Path(__file__).parents[1] / "configurations"
NAMES = ("digits", "cifar10_mini", "cifar10_cpu", "cifar10", "fashion_mnist", "image_folder")


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping, of which YAML would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """See yaml."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                line = node.value[number][0].start_mark.line + 1
                raise InputError(f"the key {key} stands there twice, the second time in line {line}")
        return super().construct_mapping(node, deep)


def load(path: str | Path) -> dict[str, Any]:
    """Reads a configuration file, or one of those that come with the package by its name ("digits").

    Raises:
        InputError: there is none, or it holds no YAML mapping.
    """
    if str(path) in NAMES:
        path = PACKAGED / f"{path}.yaml"
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise OSError
        config = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)  # a SafeLoader
    except OSError:
        raise InputError(f"{path} cannot be read: give the path of a configuration, or {', '.join(NAMES)}.") from None
    except InputError as error:
        raise InputError(f"{path} is no configuration: {error}.") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:  # dates that are none, brackets without end
        raise InputError(f"{path} is no YAML file ({_short(str(error))}).") from None
    if not isinstance(config, dict):
        raise InputError(f"{path} holds no configuration: compare it with config/digits.yaml.")
    return canonical(config)


def canonical(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with its keys in alphabetical order: their order in the file means nothing and must rerun nothing."""
    return json.loads(json.dumps(config, sort_keys=True))


def check(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration, canonical and with whole floats as integers.

    Raises:
        InputError: it does not fit ``model`` or makes no sense; one sentence that names the key.
    """
    try:
        from pydantic import ValidationError

        from rethinking_backdoors.config.model import Configuration
    except ModuleNotFoundError:
        print("pydantic is not installed here: unknown or misspelt keys of the configuration are not noticed.", file=sys.stderr)
    else:
        try:
            config = Configuration.model_validate(config).model_dump(mode="json", exclude_unset=True, exclude_none=True)
        except ValidationError as error:
            raise InputError(f"The configuration is wrong at {_sentence(error.errors()[0])}.") from None
    config = canonical(config)
    if wrong := next(senseless(config), None):
        raise InputError(f"The configuration is wrong at {_short(wrong)}.")
    return config


def _sentence(error: Any) -> str:
    """Place and fault of one of pydantic's errors."""
    place, kind, context = list(error["loc"]), error["type"], error.get("ctx", {})
    if place[:1] in (["images"], ["training"]) and len(place) > 2:
        del place[1]  # the kind of images or network
    if place[:1] == ["triggers"] and len(place) > 2:
        del place[2]  # the kind of trigger
    if kind == "extra_forbidden":
        key = place.pop()
        fault = f"there is no key {key}"
    elif kind == "missing":
        key = place.pop()
        fault = f"{key} is missing"
    elif kind == "union_tag_not_found":
        fault = f"{context['discriminator'].strip(chr(39))} is missing"
    elif kind == "union_tag_invalid":
        place.append(context["discriminator"].strip("'"))
        fault = f"there is no {context['tag']}, but {context['expected_tags'].replace(chr(39), '')}"
    else:
        fault = error["msg"].removeprefix("Value error, ").replace("Input should", "it should")
        shown = error["input"]
        fault += f"; given: {shown}" if isinstance(shown, str | int | float) else ""
    return _short(f"{'.'.join(map(str, place)) or 'the top level'}: {fault}")


def _short(text: str) -> str:
    """One line of at most 300 characters: what a configuration holds may be anything."""
    text = " ".join(text.split())
    return text if len(text) <= 300 else f"{text[:297]}..."
