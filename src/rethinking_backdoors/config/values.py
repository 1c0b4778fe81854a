"""Numbers of a configuration: what counts as one, and in which range."""

import json
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WrapValidator


def _plain(value: Any) -> Any:
    """Numbers that YAML 1.1 reads as text ("5e-4") are numbers; true and false are none."""
    if isinstance(value, bool):
        raise ValueError("it should be a number, not true or false")
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise ValueError("it should be a number") from None
    return value


def _whole(value: Any) -> Any:
    """A whole float (4.0e+3) is an integer."""
    value = _plain(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_written(value: Any, check: Callable[[Any], float]) -> Any:
    """A number in its range, an integer still an integer: 5 and 5.0 are told apart by what was computed from them."""
    value = _plain(value)
    check(value)
    return value


def different(values: list) -> list:
    if len({json.dumps(value, sort_keys=True) for value in values}) < len(values):
        raise ValueError("one stands there twice")
    return values


def whole_percent(value: float) -> float:
    if round(100 * value) / 100 != value:
        raise ValueError("alphas must be whole percents")
    return value


_AS_WRITTEN, _UNCHANGED = WrapValidator(_as_written), PlainSerializer(lambda value: value, return_type=float | int)
NotNegativeInteger = Annotated[int, Field(strict=True, ge=0), BeforeValidator(_whole)]
Count = Annotated[int, Field(strict=True, ge=1), BeforeValidator(_whole)]
Byte = Annotated[int, Field(strict=True, ge=0, le=255), BeforeValidator(_whole)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), _AS_WRITTEN, _UNCHANGED]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), _AS_WRITTEN, _UNCHANGED]
Share = Annotated[float, Field(gt=0, lt=1), _AS_WRITTEN, _UNCHANGED]
UpToOne = Annotated[float, Field(ge=0, le=1), _AS_WRITTEN, _UNCHANGED]
BelowOne = Annotated[float, Field(ge=0, lt=1), _AS_WRITTEN, _UNCHANGED]
Coordinate = Annotated[float, Field(ge=-1, le=1), _AS_WRITTEN, _UNCHANGED]
Counts = Annotated[list[Count], Field(min_length=1), AfterValidator(different)]
Range = Annotated[list[UpToOne], Field(min_length=2, max_length=2)]
Color = Annotated[list[Byte], Field(min_length=1, max_length=3)]
