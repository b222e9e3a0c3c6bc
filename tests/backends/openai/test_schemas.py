"""Which schemas have a strict form, and what it is."""

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, JsonValue

from cascade.backends.openai.schemas import object_schema, strict_schema
from cascade.tools import tool

Schema = dict[str, JsonValue]


def test_an_objects_properties_are_all_required_and_no_others_allowed():
    schema: Schema = {
        "type": "object",
        "properties": {"key": {"type": "string", "minLength": 1, "description": "Of what."}},
        "required": ["key"],
    }
    assert strict_schema(schema) == {
        "type": "object",
        "properties": {"key": {"type": "string", "description": "Of what."}},
        "required": ["key"],
        "additionalProperties": False,
    }


def test_an_argument_that_is_null_when_left_out_is_asked_for():
    def search(query: str, limit: int | None = None) -> str:
        """Searches."""
        return f"{query}{limit}"

    strict = strict_schema(tool(search).spec.parameters)
    assert strict is not None
    assert strict["required"] == ["query", "limit"]


def test_an_argument_with_a_default_of_its_own_makes_a_tool_lenient():
    def search(query: str, limit: int = 10) -> str:
        """Searches."""
        return f"{query}{limit}"

    def find(query: str, limit: int | None = 10) -> str:
        """Finds."""
        return f"{query}{limit}"

    assert strict_schema(tool(search).spec.parameters) is None
    assert strict_schema(tool(find).spec.parameters) is None
    assert strict_schema(tool(search).spec.parameters, demand_all=True) is not None


def test_a_tool_without_arguments_is_strict():
    def ping() -> str:
        """Pings."""
        return "pong"

    assert strict_schema(tool(ping).spec.parameters) == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }
    assert strict_schema({}) is not None


@pytest.mark.parametrize(
    "inner",
    [
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object"},
        {},
        {"description": "Anything."},
        {"type": "array"},
        {"type": "array", "prefixItems": [{"type": "string"}]},
        {"not": {"type": "string"}},
        {"allOf": [{"type": "string"}, {"minLength": 1}]},
        {"$ref": "https://example.org/schema"},
        {"$ref": "#/$defs/Missing"},
        {"type": "object", "properties": {}, "patternProperties": {}},
        {"type": "string", "if": {}},
        {"anyOf": "no list"},
        True,
    ],
)
def test_what_is_shaped_otherwise_has_no_strict_form(inner: JsonValue):
    schema: Schema = {"type": "object", "properties": {"a": inner}, "required": ["a"]}
    assert strict_schema(schema) is None


OUTSIDE: list[Schema] = [
    {"type": "array", "items": {"type": "string"}},
    {"type": "object", "anyOf": [{"type": "object", "properties": {}}]},
    {"type": "object", "properties": []},
    {"$defs": []},
    {"$defs": {"A": {"$ref": "#/$defs/A"}}, "$ref": "#/$defs/A"},
    {"$defs": {}, "$ref": "#/$defs/A"},
]


@pytest.mark.parametrize("schema", OUTSIDE)
def test_what_is_no_plain_object_outside_has_no_strict_form(schema: Schema):
    assert strict_schema(schema) is None


def test_nesting_has_an_end():
    schema: Schema = {"type": "string"}
    for _ in range(12):
        schema = {"type": "array", "items": schema}
    assert strict_schema({"type": "object", "properties": {"a": schema}, "required": ["a"]}) is None


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    name: str = Field(max_length=20, default="Tom")


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    friends: list["Dog"] = []


class Household(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    cat: Cat = Field(description="The one cat.", default=Cat())
    rooms: int | None = Field(default=None, ge=1, le=9)


def test_an_answers_schema_demands_everything_and_keeps_its_unions():
    strict = strict_schema(Household.model_json_schema(), demand_all=True)
    assert strict is not None
    properties: Any = strict["properties"]
    assert strict["required"] == ["pet", "cat", "rooms"]
    assert [each["$ref"] for each in properties["pet"]["anyOf"]] == ["#/$defs/Cat", "#/$defs/Dog"]
    assert properties["cat"] == {"$ref": "#/$defs/Cat"}
    assert properties["rooms"]["anyOf"] == [
        {"type": "integer", "minimum": 1, "maximum": 9},
        {"type": "null"},
    ]
    definitions: Any = strict["$defs"]
    assert definitions["Dog"]["required"] == ["kind", "friends"]
    assert definitions["Cat"]["properties"]["name"] == {"title": "Name", "type": "string"}


def test_a_recursive_answer_keeps_its_definitions():
    strict = strict_schema(Dog.model_json_schema(), demand_all=True)
    assert strict is not None
    assert strict["type"] == "object"
    assert "Dog" in str(strict["$defs"])


def test_a_schema_inside_a_list_of_one_is_taken_out():
    inner: Schema = {"allOf": [{"type": "string"}], "description": "Why."}
    strict = strict_schema({"type": "object", "properties": {"a": inner}, "required": ["a"]})
    assert strict is not None
    assert strict["properties"] == {"a": {"type": "string", "description": "Why."}}


def test_formats_that_are_not_known_are_left_out():
    def strict(form: str) -> JsonValue:
        schema: Schema = {"type": "string", "format": form}
        whole = strict_schema({"type": "object", "properties": {"a": schema}, "required": ["a"]})
        assert whole is not None
        return whole["properties"]

    assert strict("date") == {"a": {"type": "string", "format": "date"}}
    assert strict("binary") == {"a": {"type": "string"}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"type": "object", "properties": {}}),
        (
            {"type": "object", "additionalProperties": True},
            {"type": "object", "additionalProperties": True},
        ),
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
    ],
)
def test_a_lenient_schema_says_that_it_is_an_objects(given: Schema, expected: Schema):
    assert object_schema(given) == expected


leaves = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer", "minimum": 0},
        {"enum": ["a", "b"]},
        {"type": ["string", "null"]},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {},
    ]
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    return properties.flatmap(
        lambda each: st.sets(st.sampled_from(sorted(each) or ["a"])).map(
            lambda required: {"type": "object", "properties": each, "required": sorted(required)}
        )
    )


schemas = st.recursive(
    leaves,
    lambda inner: (
        objects(inner)
        | inner.map(lambda each: {"type": "array", "items": each})
        | st.lists(inner, min_size=1, max_size=2).map(lambda each: {"anyOf": each})
    ),
    max_leaves=8,
)


@given(objects(schemas), st.booleans())
def test_a_strict_form_is_strict_throughout(schema: Any, demand_all: bool):  # noqa: FBT001 - drawn
    before = str(schema)
    strict = strict_schema(schema, demand_all=demand_all)
    assert str(schema) == before
    if strict is not None:
        assert_strict(strict)


def assert_strict(schema: Any) -> None:
    assert schema.keys() & {"type", "anyOf", "enum"}
    if schema.get("type") == "object":
        assert schema["required"] == list(schema["properties"])
        assert schema["additionalProperties"] is False
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    for each in [*inner, *([schema["items"]] if "items" in schema else [])]:
        assert_strict(each)
