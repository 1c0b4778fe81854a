"""Runs the defense that a line of the configuration names. A new defense is a module here and a line there."""

import hashlib
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from rethinking_backdoors import defenses, methods
from rethinking_backdoors.defenses.interface import Oracle, Removal, TrainingSet
from rethinking_backdoors.errors import InputError


def check(line: dict[str, Any]) -> tuple[ModuleType, Any]:
    """The module and the settings that a line of the configuration's section ``defenses`` asks for.

    Args:
        line: ``method``, the name of a module of ``defenses``; ``oracle``, the facts that it is told (names of ``Oracle``'s
            fields); everything else is settings of that method.

    Raises:
        InputError: there is no such method, it has other settings, or it has no use for what it would be told.
    """
    settings = {key: value for key, value in line.items() if key not in ("method", "oracle")}
    module, told = methods.find(defenses, line.get("method"), "defend"), line.get("oracle", [])
    if not set(told) <= set(module.ORACLE):
        able = ", ".join(module.ORACLE) or "nothing"
        raise InputError(f"The defense {line['method']} can be told {able}; its oracle in the configuration is {told}.")
    return module, methods.settings(module, settings)


def run(line: dict[str, Any], examples: TrainingSet, known: Oracle, rng: np.random.Generator) -> Removal:
    """What one defense removes from a training set.

    The examples are put into an order that follows from their contents, so that no result depends on the order they came in.

    Args:
        line: see ``check``.
        known: all facts; the defense is told those that its line names.
        rng: the stream of everything that the defense draws.
    """
    module, settings = check(line)
    told = known.told(line.get("oracle", []))
    order = content_order(examples.inputs, examples.labels)
    arrays = {name: getattr(examples, name)[order] for name in ("inputs", "labels", "representations")}
    found = module.defend(replace(examples, **arrays), settings, told, rng)
    score = None
    if found.score is not None:
        score = np.empty(len(order))
        score[order] = found.score
    return Removal(np.sort(order[found.removed]), score)


def content_order(inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) int64: the examples in the order of a fingerprint of input (n, ...) and label (n,); equal ones may change places."""
    rows = np.ascontiguousarray(inputs)
    prints = [hashlib.sha256(row.tobytes() + str(label).encode()).digest() for row, label in zip(rows, labels, strict=True)]
    return np.array(sorted(range(len(prints)), key=prints.__getitem__), dtype=np.int64)
