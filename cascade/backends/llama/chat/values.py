"""Arguments written as plain text, typed by the tool's JSON schema."""

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

from cascade.backends.llama.chat.results import JSON

__all__ = ["JsonSchema", "resolve", "schema_types", "typed_value"]

JsonSchema: TypeAlias = Mapping[str, Any] | bool
"""A JSON schema: an object of keywords, or a truth value."""


def resolve(schema: JsonSchema, definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follows a local `$ref` such as `#/$defs/Point`; other references mean "anything".

    Args:
        schema: A schema; `true` and `false` are read as the empty one, which allows anything.
        definitions: The schema that references point into.
    """
    if isinstance(schema, bool):
        return {}
    seen: set[str] = set()
    while "$ref" in schema:
        pointer = str(schema["$ref"])
        if pointer in seen or not pointer.startswith("#"):
            return {}
        seen.add(pointer)
        schema = definitions
        for step in filter(None, pointer[1:].split("/")):
            key = step.replace("~1", "/").replace("~0", "~")
            below: Any = schema.get(key)
            schema = cast("Mapping[str, Any]", below) if isinstance(below, Mapping) else {}
    return schema


def schema_types(schema: JsonSchema | None, definitions: Mapping[str, Any]) -> set[str]:
    """The JSON types that a schema allows; empty means any."""
    if not schema:
        return set()
    schema = resolve(schema, definitions)
    if "type" in schema:
        declared: Any = schema["type"]
        return {declared} if isinstance(declared, str) else {str(each) for each in declared}
    choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if choices is not None:
        return {_type_of(choice) for choice in choices}
    for key in ("anyOf", "oneOf"):
        if key in schema:
            options = [schema_types(option, definitions) for option in schema[key]]
            return set[str]().union(*options) if all(options) else set()
    if "allOf" in schema:
        known = [types for part in schema["allOf"] if (types := schema_types(part, definitions))]
        return set[str].intersection(*known) if known else set()
    if "properties" in schema or "additionalProperties" in schema:
        return {"object"}
    return {"array"} if "items" in schema else set()


def typed_value(
    text: str,
    schema: JsonSchema | None,
    *,
    definitions: Mapping[str, Any],
    union: Literal["json", "text"],
    is_string: bool | None = None,
) -> JSON:
    """Types one argument.

    Args:
        text: What stands between the tags.
        schema: The argument's schema, None for an argument that the tool does not declare.
        definitions: The schema that `$ref` points into.
        union: For strings joined with other types: JSON first, or always text.
        is_string: Whether the markup itself says that this is a string.

    Returns:
        The value; the text itself where it is no JSON, so that a schema check can name the fault.
    """
    types = schema_types(schema, definitions)
    if is_string or (is_string is None and types == {"string"}):
        return text
    if is_string is None and "string" in types and union == "text":
        return text
    try:
        value: JSON = json.loads(text)
    except ValueError:
        value = _python_word(text)
    if "string" not in types or is_string is False:
        return value
    kind = _type_of(value)
    fits = kind != "string" and (kind in types or (kind == "integer" and "number" in types))
    return value if fits else text


def _python_word(text: str) -> JSON:
    return {"True": True, "False": False, "None": None}.get(text.strip(), text)


def _type_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
