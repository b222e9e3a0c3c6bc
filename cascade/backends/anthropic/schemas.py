"""JSON Schemas in the form that the provider compiles: closed objects and few keywords.

What it accepts is described at https://platform.claude.com/docs/en/build-with-claude/structured-outputs
(read 2026-11-20). OpenAI's strict mode has other rules, so its schemas are written elsewhere: there
every property is required, recursion is fine, and what is not known is left out without a word.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

__all__ = ["MOST_OPTIONAL", "MOST_STRICT_TOOLS", "MOST_UNIONS", "Compilable", "compilable"]

MOST_STRICT_TOOLS = 20
MOST_OPTIONAL = 24
MOST_UNIONS = 16
"""Over all strict tools of a request: tools, parameters that may be left out, and unions."""

_FORMATS = frozenset(
    {
        "date-time",
        "time",
        "date",
        "duration",
        "email",
        "hostname",
        "uri",
        "ipv4",
        "ipv6",
        "uuid",
    }
)
_STRUCTURAL = frozenset(
    {
        "allOf",
        "not",
        "if",
        "prefixItems",
        "patternProperties",
        "propertyNames",
        "dependentSchemas",
        "dependentRequired",
        "unevaluatedProperties",
        "contains",
    }
)
_UNDERSTOOD = frozenset(
    {
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "$ref",
        "$defs",
        "title",
        "description",
        "discriminator",
    }
)
_HARMLESS = frozenset({"default", "examples"})
_SCALARS = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilable:
    """A schema as the provider takes it.

    Attributes:
        definition: The schema.
        is_exact: Whether it allows what the original allowed; constraints that the provider does
            not know have become part of the descriptions.
        optional: Properties that may be left out.
        unions: Places where one of several schemas holds.
    """

    definition: dict[str, JsonValue]
    is_exact: bool
    optional: int
    unions: int


def compilable(schema: Mapping[str, JsonValue]) -> Compilable | None:
    """The schema in the provider's form; `None` where it cannot be said in it.

    That is so for recursive ones, for objects with keys of any name, and for values of any kind.
    """
    if _is_recursive(schema) or schema.get("type") != "object":
        return None
    walk = _Walk()
    try:
        definition = walk.schema(schema)
    except _Inexpressible:
        return None
    return Compilable(
        definition=definition,
        is_exact=walk.is_exact,
        optional=walk.optional,
        unions=walk.unions,
    )


class _Inexpressible(Exception):  # noqa: N818 - never leaves this module
    """A part of the schema has no counterpart."""


@dataclass(slots=True)
class _Walk:
    is_exact: bool = True
    optional: int = 0
    unions: int = 0

    def schema(self, value: JsonValue | Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        if not isinstance(value, Mapping) or _STRUCTURAL & value.keys():
            raise _Inexpressible
        made: dict[str, JsonValue] = {}
        for name in ("title", "type", "enum", "const", "$ref"):
            if name in value:
                made[name] = value[name]
        definitions = value.get("$defs")
        if isinstance(definitions, dict):
            made["$defs"] = {name: self.schema(each) for name, each in definitions.items()}
        self._branches(value, made)
        match value.get("type"):
            case "object":
                self._object(value, made)
            case "array":
                made["items"] = self.schema(value.get("items"))
            case list():
                self.unions += 1
            case _:
                pass
        if not made.keys() & {"type", "enum", "const", "$ref", "anyOf"}:
            raise _Inexpressible
        enum = value.get("enum")
        if isinstance(enum, list) and not all(isinstance(each, _SCALARS) for each in enum):
            raise _Inexpressible
        self._described(value, made)
        return made

    def _branches(self, value: Mapping[str, JsonValue], made: dict[str, JsonValue]) -> None:
        branches = value.get("anyOf", value.get("oneOf"))
        if isinstance(branches, list):
            self.unions += 1
            made["anyOf"] = [self.schema(branch) for branch in branches]

    def _object(self, value: Mapping[str, JsonValue], made: dict[str, JsonValue]) -> None:
        properties = value.get("properties", {})
        others = value.get("additionalProperties")
        if not isinstance(properties, dict) or isinstance(others, dict):
            raise _Inexpressible
        if not properties and others is not False:
            raise _Inexpressible
        required = value.get("required", [])
        made["properties"] = {name: self.schema(each) for name, each in properties.items()}
        made["required"] = required
        made["additionalProperties"] = False
        self.optional += len(properties) - (len(required) if isinstance(required, list) else 0)
        self.is_exact = self.is_exact and others is not True

    def _described(self, value: Mapping[str, JsonValue], made: dict[str, JsonValue]) -> None:
        """Keeps what the provider knows, and says the rest in words."""
        notes: list[str] = []
        for name, each in value.items():
            if name in _UNDERSTOOD:
                continue
            if (name == "format" and each in _FORMATS) or (name == "minItems" and each in {0, 1}):
                made[name] = each
                continue
            notes.append(f"{name}: {each}")
            self.is_exact = self.is_exact and name in _HARMLESS
        description = value.get("description")
        words = [description] if isinstance(description, str) else []
        if notes:
            words.append(f"({'; '.join(notes)})")
        if words:
            made["description"] = " ".join(words)


def _is_recursive(schema: Mapping[str, JsonValue]) -> bool:
    """Whether a definition comes back to itself."""
    definitions = schema.get("$defs")
    if not isinstance(definitions, dict):
        return False
    edges = {name: _references(each) for name, each in definitions.items()}

    def returns(name: str, seen: frozenset[str]) -> bool:
        return name in seen or any(returns(next_, seen | {name}) for next_ in edges.get(name, ()))

    return any(returns(name, frozenset()) for name in edges)


def _references(value: JsonValue) -> frozenset[str]:
    if isinstance(value, list):
        return frozenset[str]().union(*map(_references, value))
    if not isinstance(value, dict):
        return frozenset()
    found = frozenset[str]().union(*map(_references, value.values()))
    reference = value.get("$ref")
    return found | {reference.rpartition("/")[2]} if isinstance(reference, str) else found
