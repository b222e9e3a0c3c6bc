"""Schemas in the form that the provider compiles."""

import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from cascade.backends.anthropic.schemas import compilable


class Part(BaseModel):
    number: int = Field(ge=1)
    name: str = "none"


class Order(BaseModel):
    """An order."""

    kind: Literal["new", "old"]
    parts: list[Part] = Field(min_length=1, max_length=5)
    note: str | None = None
    when: str = Field(json_schema_extra={"format": "date"})


class Tree(BaseModel):
    below: "list[Tree]" = []


class Bag(BaseModel):
    things: dict[str, int]


def _made(model: type[BaseModel]) -> Any:
    return compilable(model.model_json_schema())


def _objects(schema: Any) -> list[Any]:
    if isinstance(schema, list):
        return [found for each in schema for found in _objects(each)]  # pyright: ignore[reportUnknownVariableType] - JSON
    if not isinstance(schema, dict):
        return []
    below = [found for each in schema.values() for found in _objects(each)]  # pyright: ignore[reportUnknownVariableType] - JSON
    return [schema, *below] if schema.get("type") == "object" else below  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON


def test_objects_are_closed_and_constraints_are_said_in_words():
    made = _made(Order)
    assert made is not None
    assert all(each["additionalProperties"] is False for each in _objects(made.definition))
    text = json.dumps(made.definition)
    assert '"minimum"' not in text
    assert '"maxItems"' not in text
    assert "(minimum: 1)" in text
    assert made.definition["properties"]["parts"]["minItems"] == 1
    assert made.definition["properties"]["when"]["format"] == "date"
    assert made.definition["description"] == "An order."


def test_it_is_known_what_was_lost():
    assert not _made(Order).is_exact
    exact = compilable(
        {
            "type": "object",
            "properties": {"a": {"type": "string", "default": "x"}},
            "additionalProperties": False,
        }
    )
    assert exact is not None
    assert exact.is_exact
    open_ = compilable(
        {"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": True}
    )
    assert open_ is not None
    assert not open_.is_exact


def test_optional_properties_and_unions_are_counted():
    made = _made(Order)
    assert (made.optional, made.unions) == (2, 1)
    typed = compilable({"type": "object", "properties": {"a": {"type": ["string", "null"]}}})
    assert typed is not None
    assert (typed.optional, typed.unions) == (1, 1)


@pytest.mark.parametrize("model", [Tree, Bag])
def test_recursion_and_free_keys_cannot_be_said(model: type[BaseModel]):
    assert _made(model) is None


_UNSAYABLE: list[Any] = [
    {"type": "array", "items": {"type": "string"}},
    {"type": "object"},
    {"type": "object", "properties": 3},
    {"type": "object", "properties": {"a": {}}},
    {"type": "object", "properties": {"a": True}},
    {"type": "object", "properties": {"a": {"type": "array"}}},
    {"type": "object", "properties": {"a": {"enum": [{}]}}},
    {"type": "object", "properties": {"a": {"allOf": [{"type": "string"}]}}},
    {"type": "object", "properties": {"a": {"type": "string", "not": {"const": "x"}}}},
]


@pytest.mark.parametrize("schema", _UNSAYABLE)
def test_neither_can_values_of_any_kind(schema: Any):
    assert compilable(schema) is None


def test_alternatives_by_a_discriminator_are_alternatives():
    made = compilable(
        {
            "type": "object",
            "properties": {
                "a": {"oneOf": [{"type": "string"}, {"type": "null"}], "discriminator": {}}
            },
        }
    )
    assert made is not None
    assert made.definition["properties"] == {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}


def test_an_object_without_keys_is_fine_where_it_is_closed():
    made = compilable({"type": "object", "properties": {}, "additionalProperties": False})
    assert made is not None
    assert made.is_exact


def test_a_schema_that_was_made_fits_is_left_alone():
    made = _made(Order)
    again = compilable(made.definition)
    assert again is not None
    assert again.definition == made.definition
    assert again.is_exact
