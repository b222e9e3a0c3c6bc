"""Where a value stands in a JSON text, so that it can be kept as it was written."""

import json
import re

__all__ = ["members", "pieces"]

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def members(text: str) -> dict[str, str]:
    """The members of a JSON object, by name, each as its own text.

    Raises:
        ValueError: It is no JSON object.
    """
    found: dict[str, str] = {}
    at = _opened(text, "{")
    while text[at : at + 1] != "}":
        name, end = _DECODER.raw_decode(text, at)
        at = _past(text, end, ":")
        found[str(name)], at = _value(text, at)
        at = _next(text, at, "}")
    return found


def pieces(text: str) -> list[str]:
    """The values of a JSON array, each as its own text.

    Raises:
        ValueError: It is no JSON array.
    """
    found: list[str] = []
    at = _opened(text, "[")
    while text[at : at + 1] != "]":
        value, at = _value(text, at)
        found.append(value)
        at = _next(text, at, "]")
    return found


def _value(text: str, at: int) -> tuple[str, int]:
    _, end = _DECODER.raw_decode(text, at)
    return text[at:end], end


def _opened(text: str, bracket: str) -> int:
    return _past(text, 0, bracket)


def _next(text: str, at: int, bracket: str) -> int:
    """Behind a comma, or at the closing bracket."""
    at = _skipped(text, at)
    return at if text[at : at + 1] == bracket else _past(text, at, ",")


def _past(text: str, at: int, sign: str) -> int:
    at = _skipped(text, at)
    if text[at : at + 1] != sign:
        raise ValueError(f"{sign!r} expected at character {at}")
    return _skipped(text, at + 1)


def _skipped(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()
