"""What the Messages API takes for a JSON schema."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from cascade.simulated.anthropic_request import RuleError

__all__ = ["check_strict_limits", "check_strict_schema", "check_tool_schema"]

_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})

_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})

_UNENFORCED: Mapping[str, frozenset[str]] = {
    "integer": _NUMBERS,
    "number": _NUMBERS,
    "string": frozenset({"minLength", "maxLength"}),
    "array": frozenset({"maxItems", "uniqueItems", "minContains", "maxContains"}),
    "object": frozenset({"minProperties", "maxProperties", "patternProperties"}),
}
"""By type, what an answer cannot be held to while it is written."""


_STRUCTURES = frozenset(
    {
        "allOf",
        "contains",
        "dependentRequired",
        "dependentSchemas",
        "if",
        "not",
        "prefixItems",
        "propertyNames",
        "unevaluatedProperties",
    }
)
"""What no type can be held to."""

_FORMATS = frozenset(
    "date-time time date duration email hostname uri ipv4 ipv6 uuid".split()  # noqa: SIM905 - a row of words
)

_MOST_STRICT_TOOLS = 20
_MOST_OPTIONAL = 24
_MOST_UNIONS = 16


def check_tool_schema(place: str, schema: Mapping[str, Any]) -> None:
    """Checks the schema of a tool's input.

    Raises:
        RuleError: It is none, or not one of an object.
    """
    if "type" not in schema:
        raise RuleError(f"{place}.type: Field required")
    if schema["type"] != "object":
        raise RuleError(f"{place}.type: Input should be 'object'")
    if any(word in schema for word in ("oneOf", "allOf", "anyOf")):
        raise RuleError(
            f"{place}: input_schema does not support oneOf, allOf, or anyOf at the top level"
        )
    if not all(_is_sound(each) for each in _schemas(schema)):
        raise RuleError(
            f"{place}: JSON schema is invalid. It must match JSON Schema draft 2020-12 "
            "(https://json-schema.org/draft/2020-12). Learn more about tool use at "
            "https://docs.claude.com/en/docs/tool-use."
        )


def check_strict_schema(place: str, schema: Mapping[str, Any]) -> None:
    """Checks a schema that output is held to while it is written.

    Raises:
        RuleError: It asks for something that cannot be held to.
    """
    if not all(_is_sound(each) for each in _schemas(schema)):
        raise RuleError(f"{place}: Invalid schema")
    for each in _schemas(schema):
        kind = each.get("type")
        if kind == "object" and each.get("additionalProperties") is not False:
            raise RuleError(
                f"{place}: For 'object' type, 'additionalProperties' must be explicitly set to "
                "false"
            )
        _check_keywords(place, each)
        unenforced = sorted(_UNENFORCED.get(str(kind), frozenset()) & each.keys())
        if unenforced:
            raise RuleError(
                f"{place}: For '{kind}' type, properties {', '.join(unenforced)} are not supported"
            )


def _check_keywords(place: str, schema: Mapping[str, Any]) -> None:
    structures = sorted(_STRUCTURES & schema.keys())
    if structures:
        raise RuleError(f"{place}: {', '.join(structures)} is not supported")
    if schema.get("format", "date") not in _FORMATS:
        raise RuleError(f"{place}: For 'string' type, format '{schema['format']}' is not supported")
    if schema.get("minItems", 0) not in {0, 1}:
        raise RuleError(
            f"{place}: For 'array' type, 'minItems' values other than 0 or 1 are not supported"
        )
    reference = schema.get("$ref", "#/$defs/")
    if not (isinstance(reference, str) and reference.startswith("#/$defs/")):
        raise RuleError(f"{place}: Only references within the schema are supported")


def check_strict_limits(schemas: Sequence[Mapping[str, Any]], *, strict_tools: int) -> None:
    """Checks how much there is that output is held to in one request.

    Args:
        schemas: Of all strict tools, and of the answer.
        strict_tools: How many of them are of tools.

    Raises:
        RuleError: It is too much.
    """
    if strict_tools > _MOST_STRICT_TOOLS:
        raise RuleError(
            f"Too many strict tools ({strict_tools}). The maximum number of strict tools supported "
            f"is {_MOST_STRICT_TOOLS}. Try reducing the number of tools marked as strict."
        )
    all_of_them = [each for schema in schemas for each in _schemas(schema)]
    optional = sum(
        len(set(each.get("properties", ())) - set(each.get("required", ()))) for each in all_of_them
    )
    if optional > _MOST_OPTIONAL:
        raise RuleError(
            f"Schemas contains too many optional parameters ({optional}), which would make grammar "
            "compilation inefficient. Reduce the number of optional parameters in your tool "
            f"schemas (limit: {_MOST_OPTIONAL})."
        )
    unions = sum("anyOf" in each or isinstance(each.get("type"), list) for each in all_of_them)
    if unions > _MOST_UNIONS:
        raise RuleError(
            f"Schemas contains too many parameters with union types ({unions} parameters with type "
            "arrays or anyOf) which would cause exponential compilation cost. Reduce the number "
            f"of parameters with unions (limit: {_MOST_UNIONS})."
        )


def _schemas(schema: Any) -> Iterator[Mapping[str, Any]]:
    """The schema and all those in it; what is no object, as an unsound one."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield {"type": "no schema"}
        return
    each = cast("dict[str, Any]", schema)  # JSON's keys are texts
    yield each
    for word in ("properties", "$defs"):
        inner = each.get(word)
        if isinstance(inner, dict):
            for value in inner.values():  # pyright: ignore[reportUnknownVariableType] - any JSON
                yield from _schemas(value)
    for word in ("anyOf", "oneOf", "allOf", "prefixItems"):
        inner = each.get(word)
        for value in inner if isinstance(inner, list) else ():  # pyright: ignore[reportUnknownVariableType] - any JSON
            yield from _schemas(value)
    for word in ("items", "additionalProperties"):
        if word in each:
            yield from _schemas(each[word])


def _is_sound(schema: Mapping[str, Any]) -> bool:
    kind: Any = schema.get("type", [])
    kinds: Any = [kind] if isinstance(kind, str) else kind
    required: Any = schema.get("required", [])
    return (
        isinstance(kinds, list)
        and all(each in _TYPES for each in kinds)  # pyright: ignore[reportUnknownVariableType] - any JSON
        and isinstance(schema.get("properties", {}), dict)
        and isinstance(required, list)
        and all(isinstance(name, str) for name in required)  # pyright: ignore[reportUnknownVariableType] - any JSON
        and isinstance(schema.get("enum", []), list)
    )
