"""Whether a value fits a JSON schema, as forgivingly as the tools themselves read it.

A tool's own check turns "5" into 5 and 5 into 5.0 where its annotation asks for it; what it would
accept is accepted here. Keywords that are not known here refuse nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from pydantic import JsonValue

__all__ = ["misfits"]

Schema = Mapping[str, Any]

_NUMBER = re.compile(r"\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*")
_INTEGER = re.compile(r"\s*[+-]?\d+(\.0*)?\s*")
_BOOLEANS = frozenset({"true", "false", "yes", "no", "on", "off", "t", "f", "y", "n", "1", "0"})
_DEEPEST = 32
_SHOWN = 60


def misfits(schema: Schema, value: JsonValue) -> Sequence[str]:
    """What of *value* does not fit *schema*, each with the place where it stands; none if it fits.

    Args:
        schema: A JSON schema; `$ref` may point into itself.
        value: Any JSON.
    """
    return list(_Check(schema).misfits(schema, value, ()))


class _Check:
    """A walk over a value beside its schema."""

    def __init__(self, root: Schema) -> None:
        self._root = root

    def misfits(self, schema: Schema, value: JsonValue, place: tuple[str, ...]) -> Iterator[str]:
        if len(place) > _DEEPEST:
            return
        schema = self._resolved(schema)
        yield from self._of_unions(schema, value, place)
        types = _types(schema)
        if types and not any(kind not in _READS or _READS[kind](value) for kind in types):
            yield _at(place, f"{_show(value)} is no {' or '.join(types)}")
            return
        if "enum" in schema and not _listed(value, schema["enum"]):
            allowed = ", ".join(_show(one) for one in schema["enum"])
            yield _at(place, f"{_show(value)} is not one of {allowed}")
        if "const" in schema and not _listed(value, [schema["const"]]):
            yield _at(place, f"{_show(value)} is not {_show(schema['const'])}")
        yield from _out_of_bounds(schema, value, place)
        if isinstance(value, dict):
            yield from self._of_members(schema, value, place)
        if isinstance(value, list) and isinstance(schema.get("items"), dict):
            for index, item in enumerate(value):
                yield from self.misfits(schema["items"], item, (*place, str(index)))

    def _resolved(self, schema: Schema) -> Schema:
        for _ in range(_DEEPEST):
            reference = schema.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#/"):
                return schema
            found: Any = self._root
            for part in reference[2:].split("/"):
                found = cast("Schema", found).get(part) if isinstance(found, dict) else None
            if not isinstance(found, dict):
                return {}
            schema = cast("Schema", found)
        return {}

    def _of_unions(self, schema: Schema, value: JsonValue, place: tuple[str, ...]) -> Iterator[str]:
        for part in schema.get("allOf", ()):
            yield from self.misfits(part, value, place)
        for keyword in ("anyOf", "oneOf"):
            ways = [list(self.misfits(part, value, place)) for part in schema.get(keyword, ())]
            if ways and all(ways):
                yield min(ways, key=len)[0]

    def _of_members(
        self, schema: Schema, value: Mapping[str, JsonValue], place: tuple[str, ...]
    ) -> Iterator[str]:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield _at((*place, name), "is missing")
        others: Any = schema.get("additionalProperties", True)
        for name, held in value.items():
            if name in properties:
                yield from self.misfits(properties[name], held, (*place, name))
            elif others is False and "patternProperties" not in schema:
                known = ", ".join(properties) or "none"
                yield _at((*place, name), f"is no argument here; there are: {known}")
            elif isinstance(others, dict):
                yield from self.misfits(cast("Schema", others), held, (*place, name))


def _types(schema: Schema) -> tuple[str, ...]:
    kind: Any = schema.get("type", ())
    return (kind,) if isinstance(kind, str) else tuple(kind)


def _reads_integer(value: JsonValue) -> bool:
    if isinstance(value, str):
        return _INTEGER.fullmatch(value) is not None
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _reads_number(value: JsonValue) -> bool:
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, int | float)


def _reads_boolean(value: JsonValue) -> bool:
    if isinstance(value, str):
        return value.lower() in _BOOLEANS
    return isinstance(value, bool) or value in (0, 1)


_READS: Mapping[str, Callable[[JsonValue], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _reads_integer,
    "number": _reads_number,
    "boolean": _reads_boolean,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


def _listed(value: JsonValue, allowed: Sequence[JsonValue]) -> bool:
    # In Python `1 == True`, in JSON it is not.
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in allowed)


def _out_of_bounds(schema: Schema, value: JsonValue, place: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, str):
        yield from _length(schema, len(value), place, ("minLength", "maxLength"), "characters")
        pattern: Any = schema.get("pattern")
        if isinstance(pattern, str) and not _matches(pattern, value):
            yield _at(place, f"{_show(value)} does not match {pattern}")
    elif isinstance(value, list):
        yield from _length(schema, len(value), place, ("minItems", "maxItems"), "items")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        for keyword, is_out, words in _LIMITS:
            limit: Any = schema.get(keyword)
            if isinstance(limit, int | float) and is_out(value, limit):
                yield _at(place, f"{value} is not {words} {limit}")


_LIMITS: tuple[tuple[str, Callable[[float, float], bool], str], ...] = (
    ("minimum", lambda value, limit: value < limit, "at least"),
    ("maximum", lambda value, limit: value > limit, "at most"),
    ("exclusiveMinimum", lambda value, limit: value <= limit, "above"),
    ("exclusiveMaximum", lambda value, limit: value >= limit, "below"),
)


def _length(
    schema: Schema, length: int, place: tuple[str, ...], keywords: tuple[str, str], what: str
) -> Iterator[str]:
    least: Any = schema.get(keywords[0])
    most: Any = schema.get(keywords[1])
    if isinstance(least, int) and length < least:
        yield _at(place, f"has {length} {what}, at least {least} are needed")
    if isinstance(most, int) and length > most:
        yield _at(place, f"has {length} {what}, at most {most} are allowed")


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:
        # JSON Schema's expressions are JavaScript's; what Python cannot read refuses nothing.
        return True


def _at(place: tuple[str, ...], words: str) -> str:
    return f"{'.'.join(place) or 'arguments'}: {words}"


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
