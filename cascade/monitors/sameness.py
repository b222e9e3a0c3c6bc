"""When two calls or two results are the same: canonical forms, by the tool's schema.

Never by words: what a schema declares (defaults, optional arguments, numbers, sets) is taken into
account, and everything else counts as it stands.
"""

import json
import re
from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, cast

from pydantic_core import from_json

from cascade.exchange import ToolSpec
from cascade.messages import Text, ToolCall, ToolResult

__all__ = [
    "as_list",
    "as_object",
    "canonical_arguments",
    "canonical_text",
    "digest",
    "result_digest",
    "tool_key",
]

_AS_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_LARGEST_EXACT = 2**53
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def as_object(value: object) -> Mapping[str, Any]:
    """A JSON value as an object; empty for anything else."""
    # The keys of a JSON object are strings.
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else _NOTHING


def as_list(value: object) -> list[Any]:
    """A JSON value as a list; empty for anything else."""
    # Whatever a JSON list holds is a JSON value.
    return cast("list[Any]", value) if isinstance(value, list) else []


def digest(text: str) -> str:
    """A short name for a text: 24 hex digits of its BLAKE2b hash."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def tool_key(name: str) -> str:
    """A tool's name as it is compared: models vary case, and `-` for `_`."""
    return name.strip().lower().replace("-", "_")


def canonical_arguments(call: ToolCall, spec: ToolSpec | None) -> str:
    """The arguments as JSON that is the same for all ways to say the same.

    By the schema of *spec*: defaults are filled in, optional arguments that are null are left out,
    numbers and booleans written as text are read, lists of unique items are sorted, and text loses
    white space at the ends of its lines. Without one, keys are sorted and `1.0` is `1`.
    """
    schema: Mapping[str, Any] = _NOTHING if spec is None else spec.parameters
    return _AS_JSON(_canonical(dict(call.arguments), schema, schema))


def canonical_text(text: str) -> str:
    """What a tool said, as it is compared.

    JSON comes in canonical form, other text without white space at the ends of its lines and
    without addresses in memory.
    """
    stripped = text.strip()
    if stripped[:1] in {"{", "["}:
        try:
            return _AS_JSON(_canonical(from_json(stripped), _NOTHING, _NOTHING))
        except ValueError:
            pass
    lines = [line.rstrip() for line in stripped.splitlines()]
    joined = "\n".join(lines)
    return _ADDRESS.sub("0x", joined) if "0x" in joined else joined


def result_digest(result: ToolResult) -> str:
    """A short name for a result; equal for results that say the same."""
    said = [
        canonical_text(part.text) if isinstance(part, Text) else digest(part.data)
        for part in result.parts
    ]
    return digest("\x1e".join(["error" if result.is_error else "ok", *said]))


def _canonical(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    schema = _resolved(schema, root)
    match value:
        case dict():
            return _object(as_object(value), schema, root)  # pyright: ignore[reportUnknownArgumentType] - any JSON
        case list():
            return _array(value, schema, root)  # pyright: ignore[reportUnknownArgumentType] - any JSON
        case str():
            return _text(value, schema)
        case float() if value.is_integer() and abs(value) < _LARGEST_EXACT:
            return int(value)
        case _:
            return value


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference or an optional type stands for; one level of each."""
    choices = as_list(schema.get("anyOf") or schema.get("oneOf"))
    branches = [each for each in map(as_object, choices) if each and each.get("type") != "null"]
    if len(branches) == 1:
        schema = branches[0]
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    found = root
    for part in reference[2:].split("/"):
        found = as_object(found.get(part))
    return found


def _object(
    value: Mapping[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any]
) -> dict[str, Any]:
    properties = as_object(schema.get("properties"))
    required = as_list(schema.get("required"))
    filled = dict(value)
    for name, declared in properties.items():
        if "default" in as_object(declared):
            filled.setdefault(name, declared["default"])
    return {
        name: _canonical(each, as_object(properties.get(name)), root)
        for name, each in filled.items()
        if each is not None or name in required or name not in properties
    }


def _array(value: list[Any], schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[Any]:
    items = as_object(schema.get("items"))
    canonical = [_canonical(item, items, root) for item in value]
    return sorted(canonical, key=_AS_JSON) if schema.get("uniqueItems") is True else canonical


def _text(value: str, schema: Mapping[str, Any]) -> Any:
    declared = schema.get("type")
    types = as_list(declared) or [declared]
    if "string" not in types and ("integer" in types or "number" in types):
        try:
            number = float(value)
        except ValueError:
            return value.strip()
        return int(number) if number.is_integer() and abs(number) < _LARGEST_EXACT else number
    if types == ["boolean"] and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    if value.isalnum():
        return value
    return "\n".join([line.rstrip() for line in value.strip().splitlines()])
