"""The subset of JSON Schema that OpenAI's structured outputs take, and what it says of the rest.

Source: https://developers.openai.com/api/docs/guides/structured-outputs ("Supported schemas").
"""

from typing import Any

from cascade.simulated.openai_checks import is_array, is_object
from cascade.simulated.openai_errors import OpenAIRefusal

__all__ = ["plain_schema", "strict_schema"]

_UNSUPPORTED = ("allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else")
_REQUIRED = (
    "'required' is required to be supplied and to be an array including every key in properties."
)
_DEPTH = 10
_PROPERTIES = 5000


def plain_schema(schema: object, *, subject: str, param: str, code: str | None) -> dict[str, Any]:
    """Checks the schema of a tool that is not strict: an object's, with properties if any.

    Args:
        schema: What the request says.
        subject: Whose schema it is, such as `function 'search'`.
        param: Path of the schema in the request.
        code: Of the refusal.

    Raises:
        OpenAIRefusal: It is not the schema of an object.
    """
    if not is_object(schema):
        raise _wrong(f"schema must be an object, got {schema!r}.", subject, param, code)
    kind = schema.get("type", "None")
    if kind != "object":
        raise _wrong(
            f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'.",
            subject,
            param,
            code,
        )
    if "properties" not in schema and schema.get("additionalProperties") is None:
        raise _wrong("In context=(), object schema missing properties.", subject, param, code)
    return schema


def strict_schema(schema: object, *, subject: str, param: str, code: str | None) -> dict[str, Any]:
    """Checks a schema that output is held to.

    Raises:
        OpenAIRefusal: It is outside the subset.
    """
    if not is_object(schema):
        raise _wrong(f"schema must be an object, got {schema!r}.", subject, param, code)
    if schema.get("type") != "object" or "anyOf" in schema:
        kind = schema.get("type", "None")
        raise _wrong(
            f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'.",
            subject,
            param,
            code,
        )
    _Strict(subject, param, code).node(schema, ())
    return schema


def _wrong(what: str, subject: str, param: str, code: str | None) -> OpenAIRefusal:
    return OpenAIRefusal(f"Invalid schema for {subject}: {what}", param=param, code=code)


def _where(path: tuple[str, ...]) -> str:
    """A path as Python prints tuples, which is what the API's texts show."""
    return repr(path)


class _Strict:
    """One walk over one schema."""

    def __init__(self, subject: str, param: str, code: str | None) -> None:
        self._about = (subject, param, code)
        self._properties = 0

    def node(self, schema: dict[str, Any], path: tuple[str, ...]) -> None:
        """Checks one schema and those inside it."""
        if len(path) > 2 * _DEPTH:
            raise self._error(f"In context={_where(path)}, nested too deeply.")
        for word in _UNSUPPORTED:
            if word in schema:
                raise self._error(f"In context={_where(path)}, '{word}' is not permitted.")
        if "$ref" not in schema and not any(word in schema for word in ("type", "anyOf", "enum")):
            raise self._error(f"In context={_where(path)}, schema must have a 'type' key.")
        self._object(schema, path)
        self._inside(schema, path)

    def _object(self, schema: dict[str, Any], path: tuple[str, ...]) -> None:
        kinds = schema.get("type")
        if kinds != "object" and not (is_array(kinds) and "object" in kinds):
            return
        if schema.get("additionalProperties") is not False:
            raise self._error(
                f"In context={_where(path)}, 'additionalProperties' is required to be supplied and "
                "to be false."
            )
        properties = schema.get("properties", {})
        needed = schema.get("required")
        for name in properties:
            if not is_array(needed) or name not in needed:
                raise self._error(f"In context={_where(path)}, {_REQUIRED} Missing '{name}'.")
        for name in needed if is_array(needed) else ():
            if name not in properties:
                raise self._error(
                    f"In context={_where(path)}, {_REQUIRED} Extra required key '{name}' supplied."
                )
        self._properties += len(properties)
        if self._properties > _PROPERTIES:
            raise self._error(f"schema exceeds maximum of {_PROPERTIES} properties.")

    def _inside(self, schema: dict[str, Any], path: tuple[str, ...]) -> None:
        for group in ("properties", "$defs", "definitions"):
            for name, inner in schema.get(group, {}).items():
                if is_object(inner):
                    self.node(inner, (*path, group, name))
        if is_object(items := schema.get("items")):
            self.node(items, (*path, "items"))
        elif schema.get("type") == "array":
            raise self._error(f"In context={_where(path)}, array schema missing items.")
        for index, inner in enumerate(schema.get("anyOf", ())):
            if is_object(inner):
                self.node(inner, (*path, "anyOf", str(index)))

    def _error(self, what: str) -> OpenAIRefusal:
        return _wrong(what, *self._about)
