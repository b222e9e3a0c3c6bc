"""JSON schemas as grammars."""

from collections.abc import Mapping, Sequence
from typing import Any

from cascade.backends.llama.chat.gbnf import Rules, any_order, literal, repeated
from cascade.backends.llama.chat.notation import JSON_NOTATION, Notation
from cascade.backends.llama.chat.patterns import pattern_body
from cascade.backends.llama.chat.ranges import (
    decimal_range,
    integer_bounds,
    integer_range,
    number_bounds,
)
from cascade.backends.llama.chat.values import resolve, schema_types

__all__ = ["SchemaGrammar", "json_schema_grammar"]

_MOST_COUNTED = 512
_TYPES = ("string", "integer", "number", "boolean", "null", "array", "object")
_YEAR = "[1-9] [0-9]{3}"
_LEAP_YEAR = (
    '[1-9] [0-9] ("0" [48] | [2468] [048] | [13579] [26]) | ([2468] [048] | [13579] [26]) "00"'
)
_DATE = (
    f'({_YEAR} "-" ("0" [13578] | "1" [02]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])'
    f' | {_YEAR} "-" ("0" [469] | "11") "-" ("0" [1-9] | [12] [0-9] | "30")'
    f' | {_YEAR} "-02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]) | ({_LEAP_YEAR}) "-02-29")'
)
_HOURS = '([01] [0-9] | "2" [0-3])'
_TIME = (
    f'{_HOURS} ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{{1,6}})?'
    f' ("Z" | [+-] {_HOURS} ":" [0-5] [0-9])?'
)
_FORMATS = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f"{_DATE} [T ] {_TIME}",
    "duration": (
        '"P" ([0-9]{1,4} "D" | "T" ([0-9]{1,3} "H" ([0-5]? [0-9] "M")? ([0-5]? [0-9] "S")?'
        ' | [0-9]{1,4} "M" ([0-5]? [0-9] "S")? | [0-9]{1,6} "S"))'
    ),
    "uuid": '[0-9a-fA-F]{8} ("-" [0-9a-fA-F]{4}){3} "-" [0-9a-fA-F]{12}',
}
_NUMBER = '"-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [+-]? "1"? [0-9]{1,2})?'


def json_schema_grammar(schema: Mapping[str, Any]) -> str:
    """A grammar that accepts JSON texts of a schema.

    Known: `$ref` into the same schema, `anyOf`, `oneOf` (read as `anyOf`), `allOf` of objects,
    `enum`, `const`, `nullable`, types and lists of types, `properties`, `required`,
    `additionalProperties`, `items`, `prefixItems`, `minItems`, `maxItems`, `minLength`,
    `maxLength`, bounds of numbers, the formats date, time, date-time, duration and uuid, and
    `pattern` where it is anchored and regular.
    Everything else (`multipleOf`, `uniqueItems`, `not`, `if`, look-around) is not enforced, so what
    was generated must still be validated.

    Args:
        schema: A JSON schema, for example `BaseModel.model_json_schema()`.
    """
    rules = Rules()
    body = SchemaGrammar(rules, JSON_NOTATION, schema).body(schema, "value")
    return rules.text(body)


class SchemaGrammar:
    """Turns the parts of one schema into grammar rules of one notation."""

    def __init__(self, rules: Rules, notation: Notation, definitions: Mapping[str, Any]) -> None:
        """Prepares for one schema.

        Args:
            rules: Where rules are added.
            notation: How values are written.
            definitions: The schema that `$ref` points into.
        """
        self.rules = rules
        self.notation = notation
        self.definitions = definitions
        self._references: dict[str, str] = {}

    def body(self, schema: Mapping[str, Any] | bool, hint: str) -> str:  # noqa: FBT001 - JSON schema
        """A body that accepts the schema's values; `hint` names its rules."""
        if isinstance(schema, bool) or not schema:
            return self.anything()
        if "$ref" in schema:
            return self._reference(str(schema["$ref"]))
        if schema.get("nullable"):
            inner = {key: value for key, value in schema.items() if key != "nullable"}
            return f"({self.body(inner, hint)} | {self.notation.word('null')})"
        if "const" in schema:
            return self.notation.constant(schema["const"])
        if "enum" in schema:
            return "(" + " | ".join(map(self.notation.constant, schema["enum"])) + ")"
        for key in ("anyOf", "oneOf"):
            if key in schema:
                rest = {
                    name: value for name, value in schema.items() if name not in ("anyOf", "oneOf")
                }
                return self._any_of(schema[key], rest, hint)
        if "allOf" in schema:
            return self.body(self._merged(schema), hint)
        return self._of_types(schema, hint)

    def arguments(
        self, members: Mapping[str, str], required: Sequence[str], hint: str, separator: str
    ) -> str:
        """Members in any order, the required ones for certain.

        Args:
            members: Bodies by name.
            required: Names that must stand; unknown ones are ignored.
            hint: Stem of rule names.
            separator: Body between members.
        """
        named = {name: self.rules.add(f"{hint}-{name}", body) for name, body in members.items()}
        return any_order(
            self.rules,
            hint,
            required=[named[name] for name in members if name in required],
            optional=[named[name] for name in members if name not in required],
            separator=separator,
        )

    def anything(self) -> str:
        """A body that accepts any value."""
        if "" not in self._references:
            self._references[""] = name = self.rules.reserve("anything")
            bodies = [self._typed({}, kind, "any") for kind in _TYPES if kind != "integer"]
            self.rules.define(name, " | ".join(bodies))
        return self._references[""]

    def object(self, schema: Mapping[str, Any], hint: str) -> str:
        """A body that accepts an object of the schema."""
        properties: Mapping[str, Any] = schema.get("properties") or {}
        space, colon = self.notation.space, f'":" {self.notation.space}'
        wanted: Sequence[str] = schema.get("required") or ()
        bodies = {
            name: self.rules.add(
                f"{hint}-{name}",
                f"{self.notation.key(name)} {colon} {self.body(part, f'{hint}-{name}')}",
            )
            for name, part in properties.items()
        }
        additional: Any = schema.get("additionalProperties", not properties)
        extra = ""
        if additional is not False and (additional is not True or not properties):
            value = self.body(additional, f"{hint}-extra")
            extra = f"{self.notation.any_key(self.rules)} {colon} {value}"
        inner = any_order(
            self.rules,
            hint,
            required=[bodies[name] for name in bodies if name in wanted],
            optional=[bodies[name] for name in bodies if name not in wanted],
            separator=f'"," {space}',
            extra=self.rules.add(f"{hint}-extra", extra) if extra else "",
        )
        return self.rules.add(hint, f'"{{" {space} {inner} {space} "}}"')

    def _reference(self, pointer: str) -> str:
        if pointer not in self._references:
            target = resolve({"$ref": pointer}, self.definitions)
            hint = pointer.rsplit("/", 1)[-1]
            self._references[pointer] = name = self.rules.reserve(hint)
            self.rules.define(name, self.body(target, hint))
        return self._references[pointer]

    def _any_of(self, options: Sequence[Any], rest: Mapping[str, Any], hint: str) -> str:
        shared = {key: rest[key] for key in ("properties", "required", "type") if key in rest}
        bodies = (
            self.body(self._merged({"allOf": [shared, option]}) if shared else option, hint)
            for option in options
        )
        return "(" + " | ".join(dict.fromkeys(bodies)) + ")"

    def _merged(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """One schema for all parts of an `allOf`."""
        own = {key: value for key, value in schema.items() if key != "allOf"}
        merged: dict[str, Any] = {}
        for part in [own, *schema["allOf"]]:
            part = resolve(part, self.definitions)  # noqa: PLW2901 - the part itself
            flat = self._merged(part) if "allOf" in part else part
            properties = {**merged.get("properties", {}), **flat.get("properties", {})}
            required = [*merged.get("required", []), *flat.get("required", [])]
            merged |= flat
            if properties:
                merged |= {"properties": properties, "required": required}
        return merged

    def _of_types(self, schema: Mapping[str, Any], hint: str) -> str:
        types = schema_types(schema, self.definitions)
        bodies = [self._typed(schema, kind, hint) for kind in _TYPES if kind in types]
        if not bodies:
            return self.anything()
        return bodies[0] if len(bodies) == 1 else "(" + " | ".join(bodies) + ")"

    def _typed(self, schema: Mapping[str, Any], kind: str, hint: str) -> str:
        match kind:
            case "string":
                return self._string(schema)
            case "integer":
                return self._integer(schema)
            case "number":
                return self._number(schema)
            case "boolean":
                return f"({self.notation.word('true')} | {self.notation.word('false')})"
            case "null":
                return self.notation.word("null")
            case "array":
                return self._array(schema, hint)
            case _:
                return self.object(schema, hint)

    def _string(self, schema: Mapping[str, Any]) -> str:
        before, behind = self.notation.raw_quotes
        shape = _FORMATS.get(str(schema.get("format")))
        if shape is None and "pattern" in schema:
            shape = pattern_body(str(schema["pattern"]), self._quoted_char)
        if shape is not None:
            return self.rules.add("string", f"{before} {shape} {behind}")
        low, high = int(schema.get("minLength", 0)), schema.get("maxLength")
        if high is not None and high > _MOST_COUNTED:
            high = None
        return self.notation.string(self.rules, min(low, _MOST_COUNTED), high)

    def _quoted_char(self, char: str) -> str:
        return literal("\\" + char if char in '"\\' else char)

    def _integer(self, schema: Mapping[str, Any]) -> str:
        low, high = integer_bounds(schema)
        if low is None and high is None:
            return self.rules.add("integer", '"-"? ("0" | [1-9] [0-9]{0,15})')
        return self.rules.add("integer", integer_range(low, high))

    def _number(self, schema: Mapping[str, Any]) -> str:
        low, high = number_bounds(schema)
        if low is None and high is None:
            return self.rules.add("number", _NUMBER)
        return self.rules.add("number", decimal_range(low, high))

    def _array(self, schema: Mapping[str, Any], hint: str) -> str:
        space = self.notation.space
        comma = f'"," {space}'
        if prefix := schema.get("prefixItems"):
            items = [self.body(part, f"{hint}-{at}") for at, part in enumerate(prefix)]
            inner = f" {comma} ".join(items)
            return self.rules.add(hint, f'"[" {space} {inner} {space} "]"')
        item = self.rules.add(f"{hint}-item", self.body(schema.get("items", {}), f"{hint}-item"))
        low, high = int(schema.get("minItems", 0)), schema.get("maxItems")
        if high == 0:
            return f'"[" {space} "]"'
        if high is not None and high > _MOST_COUNTED:
            high = None
        more = repeated(f"{comma} {item}", max(low - 1, 0), None if high is None else high - 1)
        inner = f"{item} {more}"
        if low == 0:
            inner = f"({inner})?"
        return self.rules.add(hint, f'"[" {space} {inner} {space} "]"')
