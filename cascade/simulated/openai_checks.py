"""The checks that both OpenAI wire formats share: types, ranges, names and what may be unknown."""

import re
from collections.abc import Collection, Sequence
from typing import Any, TypeGuard

from cascade.simulated.openai_errors import (
    OpenAIRefusal,
    empty_string,
    invalid_type,
    missing,
    too_long,
    unknown_parameter,
    wrong_value,
)

__all__ = [
    "NAME_PATTERN",
    "an_array",
    "an_integer",
    "an_object",
    "is_array",
    "is_object",
    "kind_of",
    "known_fields",
    "metadata",
    "name",
    "number",
    "one_of",
    "required",
    "text",
    "truth",
]

NAME_PATTERN = "^[a-zA-Z0-9_-]+$"
"""What a tool's name may consist of."""


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether it is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether it is a JSON array."""
    return isinstance(value, list)


def kind_of(value: object) -> str:
    """The JSON type of a value in the API's words, with its article."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def known_fields(value: dict[str, Any], fields: Collection[str], path: str) -> None:
    """Refuses fields that the API does not have.

    Raises:
        OpenAIRefusal: Some field is not among *fields*.
    """
    for field in value:
        if field not in fields:
            raise unknown_parameter(f"{path}.{field}" if path else field)


def required(value: dict[str, Any], field: str, path: str) -> Any:
    """The value of a field that has to be there.

    Raises:
        OpenAIRefusal: It is not.
    """
    if field not in value:
        raise missing(f"{path}.{field}" if path else field)
    return value[field]


def an_object(value: object, path: str) -> dict[str, Any]:
    """The value, if it is an object.

    Raises:
        OpenAIRefusal: It is something else.
    """
    if not is_object(value):
        raise invalid_type(path, expected="an object", got=kind_of(value))
    return value


def an_array(value: object, path: str, *, of: str = "") -> list[Any]:
    """The value, if it is an array.

    Raises:
        OpenAIRefusal: It is something else.
    """
    if not is_array(value):
        raise invalid_type(path, expected=f"an array{of}", got=kind_of(value))
    return value


def text(value: object, path: str, *, maximum: int | None = None, may_be_empty: bool = True) -> str:
    """The value, if it is a string within its limits.

    Raises:
        OpenAIRefusal: It is something else, too long, or empty and may not be.
    """
    if not isinstance(value, str):
        raise invalid_type(path, expected="a string", got=kind_of(value))
    if not value and not may_be_empty:
        raise empty_string(path)
    if maximum is not None and len(value) > maximum:
        raise too_long(path, maximum=maximum, length=len(value))
    return value


def name(value: object, path: str, *, maximum: int = 64) -> str:
    """The value, if it can be a tool's name.

    Raises:
        OpenAIRefusal: It cannot.
    """
    found = text(value, path, maximum=maximum, may_be_empty=False)
    if not re.fullmatch(NAME_PATTERN, found):
        raise OpenAIRefusal(
            f"Invalid '{path}': string does not match pattern. Expected a string that matches the "
            f"pattern '{NAME_PATTERN}'.",
            param=path,
            code="invalid_value",
        )
    return found


def one_of(value: object, allowed: Sequence[str], path: str) -> str:
    """The value, if it is one of those.

    Raises:
        OpenAIRefusal: It is no string, or another one.
    """
    found = text(value, path)
    if found not in allowed:
        raise wrong_value(found, allowed, param=path)
    return found


def truth(value: object, path: str) -> bool:
    """The value, if it is a boolean.

    Raises:
        OpenAIRefusal: It is something else.
    """
    if not isinstance(value, bool):
        raise invalid_type(path, expected="a boolean", got=kind_of(value))
    return value


def an_integer(
    value: object, path: str, *, minimum: int | None = None, maximum: int | None = None
) -> int:
    """The value, if it is an integer within its bounds.

    Raises:
        OpenAIRefusal: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid_type(path, expected="an integer", got=kind_of(value))
    if minimum is not None and value < minimum:
        raise OpenAIRefusal(
            f"Invalid '{path}': integer below minimum value. Expected a value >= {minimum}, but "
            f"got {value} instead.",
            param=path,
            code="integer_below_min_value",
        )
    if maximum is not None and value > maximum:
        raise OpenAIRefusal(
            f"Invalid '{path}': integer above maximum value. Expected a value <= {maximum}, but "
            f"got {value} instead.",
            param=path,
            code="integer_above_max_value",
        )
    return value


def number(value: object, path: str, *, minimum: float, maximum: float) -> float:
    """The value, if it is a number within its bounds.

    Raises:
        OpenAIRefusal: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid_type(path, expected="a decimal number", got=kind_of(value))
    if not minimum <= value <= maximum:
        is_low = value < minimum
        side = "below minimum" if is_low else "above maximum"
        bound = f">= {minimum:g}" if is_low else f"<= {maximum:g}"
        raise OpenAIRefusal(
            f"Invalid '{path}': decimal {side} value. Expected a value {bound}, but got {value} "
            "instead.",
            param=path,
            code="decimal_below_min_value" if is_low else "decimal_above_max_value",
        )
    return float(value)


def metadata(value: object, path: str) -> None:
    """Checks the sixteen pairs of strings that a request may carry.

    Raises:
        OpenAIRefusal: There are more, or they are no strings, or too long.
    """
    pairs = an_object(value, path)
    if len(pairs) > 16:
        raise OpenAIRefusal(
            f"Invalid '{path}': too many properties. Expected an object with at most 16 "
            f"properties, but got an object with {len(pairs)} properties instead.",
            param=path,
            code="object_above_max_properties",
        )
    for key, item in pairs.items():
        text(key, f"{path}.{key}", maximum=64)
        text(item, f"{path}.{key}", maximum=512)
