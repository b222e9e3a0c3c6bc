"""JSON Schema as OpenAI's strict mode takes it, where a schema has such a form.

Strict mode knows a part of JSON Schema: objects that list all of their properties, require each of
them and allow no others, with unions by `anyOf`. What a schema only says about values (lengths,
unusual formats, defaults) is left out, as whoever gets the value checks it again; what shapes the
value in another way (maps, tuples, conditions) has no strict form.

Anthropic's schemas are written elsewhere, as its rules are others: it allows properties to be left
out and counts them, keeps what it does not know as words, and refuses recursion.

Source: https://developers.openai.com/api/docs/guides/structured-outputs, read 2026-11-20.
"""

from collections.abc import Iterable
from typing import Any

from pydantic import JsonValue

from cascade.exchange import OutputSchema

__all__ = ["answer_format", "object_schema", "strict_schema"]

_COPIED = frozenset(
    {
        "type",
        "title",
        "description",
        "enum",
        "const",
        "pattern",
        "multipleOf",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minItems",
        "maxItems",
    }
)
_LEFT_OUT = frozenset(
    {
        "$schema",
        "$id",
        "$comment",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "discriminator",
        "minLength",
        "maxLength",
        "uniqueItems",
        "contentEncoding",
        "contentMediaType",
    }
)
_FORMATS = frozenset(
    {
        "date-time",
        "time",
        "date",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "uuid",
    }
)
_OF_OBJECTS = frozenset({"properties", "required", "additionalProperties"})
_DEFINITIONS = "#/$defs/"
_DEEPEST = 10
"""Levels of nesting that the service takes."""


class _Shapeless(Exception):  # noqa: N818 - ends a walk, never leaves this module
    """The schema has no strict form."""


def strict_schema(
    schema: dict[str, JsonValue], *, demand_all: bool = False
) -> dict[str, JsonValue] | None:
    """The strict form of an object's schema; `None` where it has none.

    What fits the strict form fits the schema as well, but for what it says about single values.

    Args:
        schema: Stays as it is.
        demand_all: Require properties that may be left out. Without this only those are required
            that may be null and are null when left out, so that the meaning stays the same.
    """
    definitions = schema.get("$defs", {})
    if not isinstance(definitions, dict):
        return None
    strict = _Strict(demand_all=demand_all, names=definitions)
    try:
        root = strict.root(schema)
        if definitions:
            root["$defs"] = {name: strict.node(each, 1) for name, each in definitions.items()}
    except _Shapeless:
        return None
    return root


def object_schema(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The schema with what even the lenient mode asks for: that it is an object's, and says so."""
    whole: dict[str, JsonValue] = {"type": "object"} | schema
    if "properties" not in whole and whole.get("additionalProperties") is None:
        whole["properties"] = {}
    return whole


def answer_format(output: OutputSchema) -> dict[str, JsonValue]:
    """The members of a response format, strict where the form has a strict one."""
    strict = strict_schema(output.definition, demand_all=True)
    return {
        "name": output.name,
        "schema": object_schema(output.definition) if strict is None else strict,
        "strict": strict is not None,
    }


class _Strict:
    """One walk over one schema."""

    def __init__(self, *, demand_all: bool, names: Iterable[str]) -> None:
        self._demand_all = demand_all
        self._references = {"#", *(_DEFINITIONS + name for name in names)}

    def root(self, schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """The outermost schema, which has to be an object's own."""
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference.startswith(_DEFINITIONS):
            definitions: Any = schema["$defs"]
            target = definitions.get(reference.removeprefix(_DEFINITIONS))
            if not isinstance(target, dict) or "$ref" in target:
                raise _Shapeless
            return self.root(target)  # pyright: ignore[reportUnknownArgumentType] - JSON
        whole = {key: value for key, value in object_schema(schema).items() if key != "$defs"}
        if whole["type"] != "object" or "anyOf" in whole or "oneOf" in whole:
            raise _Shapeless
        return self.node(whole, 0)

    def node(self, schema: JsonValue, depth: int) -> dict[str, JsonValue]:
        """The strict form of one schema and those inside it."""
        if not isinstance(schema, dict) or depth > _DEEPEST:
            raise _Shapeless
        if "$ref" in schema:
            return self._reference(schema)
        one_of_one = schema.get("allOf")
        if isinstance(one_of_one, list) and len(one_of_one) == 1:
            rest = {key: value for key, value in schema.items() if key != "allOf"}
            inner = one_of_one[0]
            return self.node({**inner, **rest} if isinstance(inner, dict) else inner, depth)
        strict: dict[str, JsonValue] = {}
        for key, value in schema.items():
            strict |= self._entry(key, value, depth)
        if not strict.keys() & {"type", "anyOf", "enum"}:
            raise _Shapeless
        if _names_type(schema, "object"):
            strict |= self._object(schema, depth)
        if _names_type(schema, "array") and "items" not in strict:
            raise _Shapeless
        return strict

    def _reference(self, schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if schema["$ref"] not in self._references:
            raise _Shapeless
        # Nothing may stand beside a reference.
        return {"$ref": schema["$ref"]}

    def _entry(self, key: str, value: JsonValue, depth: int) -> dict[str, JsonValue]:
        if key in _COPIED:
            return {key: value}
        if key in _LEFT_OUT or key in _OF_OBJECTS:
            return {}
        if key == "format":
            return {key: value} if value in _FORMATS else {}
        if key == "items":
            return {key: self.node(value, depth + 1)}
        if key in {"anyOf", "oneOf"} and isinstance(value, list):
            return {"anyOf": [self.node(each, depth) for each in value]}
        raise _Shapeless

    def _object(self, schema: dict[str, JsonValue], depth: int) -> dict[str, JsonValue]:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or schema.get("additionalProperties", False):
            raise _Shapeless
        required = schema.get("required", [])
        for name, each in properties.items():
            is_given = isinstance(required, list) and name in required
            if not (is_given or self._demand_all or _is_null_when_left_out(each)):
                raise _Shapeless
        return {
            "properties": {name: self.node(each, depth + 1) for name, each in properties.items()},
            "required": list(properties),
            "additionalProperties": False,
        }


def _names_type(schema: dict[str, JsonValue], name: str) -> bool:
    kind = schema.get("type")
    return kind == name or (isinstance(kind, list) and name in kind)


def _is_null_when_left_out(schema: JsonValue) -> bool:
    if not isinstance(schema, dict) or schema.get("default") is not None:
        return False
    branches = schema.get("anyOf")
    nullable = isinstance(branches, list) and any(
        isinstance(branch, dict) and branch.get("type") == "null" for branch in branches
    )
    return nullable or _names_type(schema, "null")
