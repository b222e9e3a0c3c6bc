"""Schemas from signatures and docstrings, and what a tool accepts."""

import json
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, JsonValue, ValidationError

from cascade import ConfigError, Tool, tool
from cascade.tools import argument_problem, as_tools, result_text, shorten


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    """Where somebody lives."""

    street: str
    number: int = 1


class Customer(BaseModel):
    name: str
    address: Address


def properties(made: Tool) -> dict[str, Any]:
    found = made.spec.parameters["properties"]
    assert isinstance(found, dict)
    return found


def test_description_and_schema_come_from_docstring_and_signature():
    @tool(side_effect="read", parallel=True, timeout_s=None)
    def find_orders(customer: str, limit: int = 10, *, shipped: bool | None = None) -> list[str]:
        """Finds the orders of a customer.

        Newest first.

        Args:
            customer: Full name, as on the invoice.
            limit: How many at most.
            shipped: Only those that left, or only those that did not.

        Returns:
            Numbers of orders.
        """
        return [customer, str(limit), str(shipped)]

    spec = find_orders.spec
    assert find_orders.name == spec.name == "find_orders"
    assert spec.description == "Finds the orders of a customer.\nNewest first."
    assert (spec.side_effect, spec.parallel) == ("read", True)
    assert spec.parameters == {
        "type": "object",
        "additionalProperties": False,
        "required": ["customer"],
        "properties": {
            "customer": {"type": "string", "description": "Full name, as on the invoice."},
            "limit": {"type": "integer", "default": 10, "description": "How many at most."},
            "shipped": {
                "anyOf": [{"type": "boolean"}, {"type": "null"}],
                "default": None,
                "description": "Only those that left, or only those that did not.",
            },
        },
    }
    assert find_orders("Ada", limit=3) == ["Ada", "3", "None"]


def test_a_bare_decorator_assumes_the_worse():
    @tool
    def plain() -> None: ...

    assert plain.spec.side_effect == "write"
    assert not plain.spec.parallel
    assert plain.timeout_s == 60
    assert plain.spec.description == ""
    assert plain.spec.parameters["properties"] == {}


def test_literals_enums_and_nested_models_are_described_and_made():
    @tool
    def paint(how: Literal["fast", "slow"], colour: Colour, owner: Customer) -> object:
        return (how, colour, owner)

    assert properties(paint)["how"]["enum"] == ["fast", "slow"]
    definitions = paint.spec.parameters["$defs"]
    assert isinstance(definitions, dict)
    assert set(definitions) == {"Address", "Colour", "Customer"}
    arguments: dict[str, JsonValue] = {
        "how": "fast",
        "colour": "red",
        "owner": {"name": "Ada", "address": {"street": "Main"}},
    }
    address = Address(street="Main", number=1)
    assert paint.bind(arguments)() == (
        "fast",
        Colour.RED,
        Customer(name="Ada", address=address),
    )


def test_annotated_keeps_its_limits_and_its_description():
    @tool
    def take(
        count: Annotated[int, Field(gt=0, description="How many.")],
        size: Annotated[int, Field(description="Not this one.")] = 1,
    ) -> int:
        """Takes.

        Args:
            size: This one.
        """
        return count * size

    assert properties(take)["count"] == {
        "type": "integer",
        "exclusiveMinimum": 0,
        "description": "How many.",
    }
    assert properties(take)["size"]["description"] == "This one."
    with pytest.raises(ValidationError, match="greater than 0"):
        take.bind({"count": 0})


def test_names_that_models_of_data_have_themselves_may_be_parameters():
    @tool
    def odd(  # noqa: PLR0917 - the names are the test
        copy: int,
        schema: str,
        json: bool,  # noqa: FBT001 - a tool's parameter
        model_config: int = 1,
        title: str = "t",
        _private: int = 2,
        argument_0: int = 3,
    ) -> object:
        return (copy, schema, json, model_config, title, _private, argument_0)

    assert set(properties(odd)) == {
        "copy",
        "schema",
        "json",
        "model_config",
        "title",
        "_private",
        "argument_0",
    }
    arguments: dict[str, JsonValue] = {"copy": 1, "schema": "s", "json": True, "argument_0": 9}
    assert odd.bind(arguments)() == (1, "s", True, 1, "t", 2, 9)
    assert "title" not in properties(odd)["copy"]


def test_arguments_that_are_left_out_take_the_functions_own_defaults():
    marks: list[object] = []

    @tool
    def collect(items: list[int], into: list[object] | None = None) -> list[object]:
        return [*(marks if into is None else into), *items]

    marks.append("default")
    assert collect.bind({"items": [1, 2]})() == ["default", 1, 2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "number: Field required"),
        ({"number": "x"}, "number: Input should be a valid integer"),
        ({"number": 1, "extra": 2}, "extra: Extra inputs are not permitted"),
        ({"number": 1, "where": {"street": 3}}, "where.street: Input should be a valid string"),
    ],
)
def test_a_bad_argument_is_told_in_one_line(arguments: dict[str, JsonValue], said: str):
    @tool
    def order(number: int, where: Address | None = None) -> object:
        return (number, where)

    with pytest.raises(ValidationError) as caught:
        order.bind(arguments)
    problem = argument_problem(caught.value)
    assert said in problem
    assert "\n" not in problem


def untyped(number: int) -> None:
    del number


untyped.__annotations__.clear()


def several(*numbers: int) -> None:
    del numbers


def positional(number: int, /) -> None:
    del number


def unresolved(number: int) -> None:
    del number


unresolved.__annotations__["number"] = "Nowhere"


def defaulted(number: int = Field(5, ge=1)) -> None:
    del number


def indescribable(number: memoryview) -> None:
    del number


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (untyped, "annotate 'number'"),
        (several, "takes \\*numbers"),
        (positional, "'number' is positional-only"),
        (unresolved, "'Nowhere' is not defined"),
        (defaulted, "write `number: Annotated\\[..., Field\\(...\\)\\] = value`"),
        (indescribable, "cannot be described"),
        ("no function", "cannot be described"),
        (lambda: None, "'<lambda>' is no name"),
    ],
)
def test_a_function_that_models_cannot_call_is_refused_with_the_reason(function: Any, said: str):
    with pytest.raises(ConfigError, match=said):
        tool(function)


@pytest.mark.parametrize("name", ["two words", "ä", "x" * 65, "a\n"])
def test_a_name_that_models_cannot_call_is_refused(name: str):
    with pytest.raises(ConfigError, match="is no name for a tool"):
        tool(name=name)(several)


def test_plain_functions_become_tools_and_names_are_unique():
    def one(number: int) -> int:
        return number

    two = tool(name="two", side_effect="read")(one)
    made = as_tools([one, two])
    assert [each.name for each in made] == ["one", "two"]
    assert made[1] is two
    with pytest.raises(ConfigError, match="given twice: one"):
        as_tools([one, one])


def test_a_tool_knows_whether_its_function_is_awaited():
    @tool
    async def waits() -> None: ...

    @tool
    def works() -> None: ...

    assert waits.is_async
    assert not works.is_async


class Counter:
    """Counts."""

    async def __call__(self, start: int) -> int:
        """Counts on.

        Args:
            start: Where to begin.
        """
        return start + 1


def test_a_callable_object_is_a_tool():
    made = tool(name="count")(Counter())
    assert made.is_async
    assert made.spec.description == "Counts on."
    assert properties(made) == {"start": {"type": "integer", "description": "Where to begin."}}


def test_what_a_partial_has_bound_is_not_shown_to_the_model():
    def fetch(key: str, *, token: str, limit: int = 3) -> str:
        """Fetches."""
        return f"{key} {token} {limit}"

    made = tool(partial(fetch, token="secret"))
    assert (made.name, made.spec.description) == ("fetch", "Fetches.")
    assert list(properties(made)) == ["key", "limit"]
    assert made.bind({"key": "k"})() == "k secret 3"
    assert list(properties(tool(partial(fetch, "k", token="secret")))) == ["limit"]


def test_a_tool_can_be_given_another_function_of_the_same_signature():
    @tool(timeout_s=3, max_characters=9, side_effect="read")
    def one(number: int) -> int:
        return number

    def successor(number: int) -> int:
        return number + 1

    other = one.replace_function(successor)
    assert other.bind({"number": 1})() == 2
    assert (other.spec, other.timeout_s, other.max_characters) == (one.spec, 3, 9)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("half \ud800", "half ?"),
        (None, "null"),
        (3, "3"),
        ([1, {"a": Colour.RED}], '[1, {"a": "red"}]'),
        (Address(street="Main"), '{"street": "Main", "number": 1}'),
        ("größe", "größe"),
    ],
)
def test_a_result_is_text_as_it_is_or_json(value: object, text: str):
    assert result_text(value) == text
    if not isinstance(value, str):
        json.loads(text)


def test_an_object_of_unknown_kind_is_told_by_its_text():
    class Thing:
        def __str__(self) -> str:
            return "a thing"

    assert result_text({"it": Thing()}) == '{"it": "a thing"}'


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 100])
def test_a_text_is_shortened_in_the_middle_and_says_by_how_much(length: int):
    text = "".join(str(index % 10) for index in range(length))
    shown, omitted = shorten(text, 10)
    assert omitted == max(0, length - 10)
    if omitted:
        assert f"{omitted} of {length} characters" in shown
        assert shown.startswith(text[:6])
        assert shown.endswith(text[-4:])
    else:
        assert shown == text
