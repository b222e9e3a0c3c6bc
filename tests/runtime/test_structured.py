"""Answers of a form: the schema of a model, what is wrong with a draft, and the value it holds."""

import re
import string
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, RootModel, ValidationError

from cascade.errors import ConfigError
from cascade.exchange import Draft, Timing, Usage
from cascade.messages import AssistantMessage, Text, ToolCall
from cascade.runtime.structured import output_schema, parsed, problem_with

T = TypeVar("T")


class Line(BaseModel):
    title: str
    price: Annotated[Decimal, Field(ge=0)]


class Order(BaseModel):
    """An order."""

    number: int
    lines: list[Line] = []


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


class Holding(BaseModel, Generic[T]):
    held: T


class Nowhere(BaseModel):
    there: "Undefined"  # type: ignore[name-defined] # noqa: F821 # pyright: ignore[reportUndefinedVariable] - that is the point


@dataclass
class Plain:
    number: int


def draft(text: str, *calls: ToolCall) -> Draft:
    return Draft(
        message=AssistantMessage(parts=(Text(text=text), *calls)),
        finish_reason="tool_calls" if calls else "stop",
        usage=Usage(),
        timing=Timing(),
        served_model="m",
    )


def test_a_model_becomes_the_schema_of_an_object_without_titles_that_say_nothing():
    made = output_schema(Order)
    assert made.name == "Order"
    assert made.definition["type"] == "object"
    assert made.definition["required"] == ["number"]
    assert made.definition["description"] == "An order."
    assert "title" not in made.definition
    assert made.definition["properties"] == {
        "number": {"type": "integer"},
        "lines": {"default": [], "items": {"$ref": "#/$defs/Line"}, "type": "array"},
    }


def test_a_field_that_is_called_title_stays_and_money_is_a_number():
    definitions = output_schema(Order).definition["$defs"]
    assert isinstance(definitions, dict)
    line = definitions["Line"]
    assert isinstance(line, dict)
    assert line["properties"] == {
        "title": {"type": "string"},
        "price": {"type": "number", "minimum": 0},
    }


def test_the_schema_of_a_class_is_made_once():
    assert output_schema(Order) is output_schema(Order)


def test_a_model_that_holds_itself_is_still_an_object_at_the_top():
    definition = output_schema(Tree).definition
    assert definition["type"] == "object"
    assert isinstance(definition["$defs"], dict)
    assert "Tree" in definition["$defs"]


def test_names_are_made_of_characters_that_every_provider_takes():
    assert output_schema(Holding[int]).name == "Holding_int_"
    long = type("Größe" * 30, (Order,), {})
    name = output_schema(long).name
    assert len(name) == 64
    assert set(name) <= {*string.ascii_letters, "_"}


@pytest.mark.parametrize("wrong", [Plain, Order(number=1), {"type": "object"}, dict, "Order", None])
def test_what_is_no_model_is_refused_with_what_is_accepted(wrong: object):
    with pytest.raises(ConfigError, match=r"derived from pydantic\.BaseModel"):
        output_schema(wrong)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - a wrong argument


@pytest.mark.parametrize("wrong", [RootModel[list[int]], RootModel[Order | Tree], RootModel[str]])
def test_a_model_whose_json_is_no_object_is_refused(wrong: type[BaseModel]):
    with pytest.raises(ConfigError, match="is no object"):
        output_schema(wrong)


def test_a_mapping_at_the_top_is_an_object():
    assert output_schema(RootModel[dict[str, int]]).definition["type"] == "object"


def test_a_model_that_has_no_schema_is_refused():
    with pytest.raises(ConfigError, match="Nowhere cannot be described"):
        output_schema(Nowhere)


WHOLE = '{"number": 7, "lines": [{"title": "pen", "price": 1.5}]}'


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        f"\n {WHOLE} ",
        f"```json\n{WHOLE}\n```",
        f"```\n{WHOLE}```\n",
        f"  ```JSON {WHOLE} ```",
    ],
)
def test_an_answer_is_read_with_or_without_a_fence(text: str):
    assert problem_with(Order, draft(text)) is None
    order = parsed(Order, text)
    assert order == Order(number=7, lines=[Line(title="pen", price=Decimal("1.5"))])


def test_a_draft_that_calls_tools_is_no_final_answer_and_not_looked_at():
    call = ToolCall(id="call_1", name="look_up", arguments={})
    assert problem_with(Order, draft("no JSON", call)) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Invalid JSON: EOF"),
        ("The number is 7.", "Invalid JSON"),
        (f"Here it is:\n```json\n{WHOLE}\n```", "Invalid JSON"),
        ("[]", "should be an object"),
        ("{}", "number: Field required"),
        ('{"number": "x"}', "number: Input should be a valid integer"),
        (
            '{"number": 1, "lines": [{"title": "a", "price": -1}]}',
            r"lines\.0\.price: Input should be greater than or equal to 0",
        ),
        ('{"number": "\ud800"}', "number: Input should be a valid integer"),
    ],
)
def test_what_is_wrong_is_said_in_words_with_the_place(text: str, words: str):
    with pytest.raises(ConfigError, match=words):
        parsed(Order, text)
    # What a draft holds was made valid Unicode before.
    problem = problem_with(Order, draft(text.replace("\ud800", "?")))
    assert problem is not None
    assert re.search(words, problem)
    assert problem.startswith("It is not a final answer of the form that was asked for: ")
    assert problem.endswith(".")


@given(
    st.text()
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=300), inner),
    ).map(lambda value: Holding[object](held=value).model_dump_json())
)
def test_problems_are_short_and_none_means_that_it_can_be_read(text: str):
    problem = problem_with(Order, draft(text))
    if problem is None:
        assert isinstance(parsed(Order, text), Order)
    else:
        assert len(problem) < 1200


def test_what_was_written_is_not_repeated():
    lines = ", ".join(f'{{"title": {number}, "price": "secret"}}' for number in range(20))
    problem = problem_with(Order, draft(f'{{"number": "secret", "lines": [{lines}]}}'))
    assert problem is not None
    assert "secret" not in problem
    assert "and 35 more" in problem
    assert len(problem) < 1200


def test_an_answer_of_another_model_names_the_model_and_keeps_the_cause():
    with pytest.raises(ConfigError, match="does not fit Order: number: Field required") as raised:
        parsed(Order, '{"name": "x"}')
    assert isinstance(raised.value.__cause__, ValidationError)
