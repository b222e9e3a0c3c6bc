"""Grammars of JSON schemas, decided by llama.cpp's own matcher."""

import datetime as dt
import json
import uuid
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from cascade.backends.llama.chat import json_schema_grammar
from cascade.backends.llama.chat.patterns import pattern_body
from cascade.backends.llama.chat.ranges import integer_range

Verdict = Callable[[str, str], str]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    x: int
    y: int = 0


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


class Order(BaseModel):
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d{3}$")]
    note: Annotated[str, Field(min_length=2, max_length=5)] | None = None
    colour: Colour
    kind: Literal["a", "b"] = "a"
    counts: dict[str, int] = {}
    points: Annotated[list[Point], Field(min_length=1, max_length=2)]
    pair: tuple[int, str] = (1, "x")
    day: dt.date
    at: dt.datetime | None = None
    key: uuid.UUID | None = None
    level: Annotated[int, Field(ge=1, le=120)] = 1
    tree: Tree | None = None


@pytest.fixture(scope="module")
def order() -> str:
    return json_schema_grammar(Order.model_json_schema())


WHOLE = Order(
    code="AB-123",
    note="hey",
    colour=Colour.RED,
    kind="b",
    counts={"a": 1, "b c": -2},
    points=[Point(x=1), Point(x=-20, y=3)],
    pair=(4, 'quo"te\n'),
    day=dt.date(2026, 2, 28),
    at=dt.datetime(2026, 2, 28, 12, 30, 1, tzinfo=dt.UTC),
    key=uuid.UUID(int=7),
    level=120,
    tree=Tree(name="root", children=[Tree(name="leaf")]),
)
LEAST = {"code": "XY-000", "colour": "blue", "points": [{"x": 0}], "day": "2024-01-31"}


@pytest.mark.parametrize("indent", [None, 2])
def test_what_pydantic_writes_is_accepted(order: str, indent: int | None, verdict: Verdict):
    assert verdict(order, WHOLE.model_dump_json(indent=indent)) == "accept"
    assert verdict(order, json.dumps(LEAST, indent=indent)) == "accept"


FORBIDDEN: list[dict[str, Any]] = [
    {"code": "AB-12"},
    {"code": "ab-123"},
    {"note": "h"},
    {"note": "too long"},
    {"colour": "green"},
    {"kind": "c"},
    {"counts": {"a": "one"}},
    {"points": []},
    {"points": [{"x": 1}] * 3},
    {"points": [{"y": 1}]},
    {"points": [{"x": 1, "z": 1}]},
    {"pair": [1]},
    {"pair": ["x", 1]},
    {"day": "2024-13-01"},
    {"at": "noon"},
    {"key": "1234"},
    {"level": 0},
    {"level": 121},
    {"tree": {"name": "x", "children": [{}]}},
    {"surprise": 1},
]


@pytest.mark.parametrize("change", FORBIDDEN)
def test_what_the_model_forbids_is_rejected(order: str, change: dict[str, Any], verdict: Verdict):
    assert verdict(order, json.dumps(LEAST | change)) == "dead"


def test_required_members_may_stand_in_any_order_but_must_stand(order: str, verdict: Verdict):
    backwards = dict(reversed(LEAST.items()))
    assert verdict(order, json.dumps(backwards)) == "accept"
    for key in LEAST:
        less = {name: value for name, value in LEAST.items() if name != key}
        assert verdict(order, json.dumps(less)) == "dead"


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({}, ['{"a": [1, null, "x", -0.5e3, true]}', "3"], ["{a: 1}", "tru "]),
        ({"type": ["integer", "null"]}, ["4", "null"], ["4.5", '"4"']),
        ({"type": "string", "nullable": True}, ['"x"', "null"], ["1"]),
        ({"const": {"a": [1, "b"]}}, ['{"a": [1, "b"]}'], ['{"a": [1]}']),
        ({"enum": [1, "é", None]}, ["1", '"é"', '"\\u00e9"', "null"], ["2"]),
        (
            {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}]},
            ['{"a": 1}'],
            ["{}"],
        ),
        (
            {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "boolean"}}]},
            ["7", "[true, false]"],
            ["[1]"],
        ),
        ({"type": "object", "additionalProperties": False}, ["{}"], ['{"a": 1}']),
        ({"type": "array", "maxItems": 0}, ["[]"], ["[1]"]),
        ({"type": "number"}, ["-1.5", "0", "2e10"], ["01", "1."]),
        ({"type": "string", "format": "time"}, ['"23:59:59"'], ['"24:00:00"']),
        ({"type": "integer", "exclusiveMinimum": 5, "exclusiveMaximum": 8}, ["6", "7"], ["5", "8"]),
        ({"type": "string", "pattern": "no anchor"}, ['"anything"'], ["1"]),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "null"}}}, ["null"], ["1"]),
    ],
)
def test_small_schemas(schema: dict[str, Any], good: list[str], bad: list[str], verdict: Verdict):
    grammar = json_schema_grammar(schema)
    assert [verdict(grammar, text) for text in good] == ["accept"] * len(good)
    assert "accept" not in [verdict(grammar, text) for text in bad]


def test_white_space_between_tokens_is_bounded(verdict: Verdict):
    grammar = json_schema_grammar({"type": "array", "items": {"type": "integer"}})
    assert verdict(grammar, "[1,\n\n                2]") == "accept"
    assert verdict(grammar, "[1," + " " * 40) == "dead"
    assert verdict(grammar, "[1," + "\n" * 3) == "dead"


@given(
    low=st.integers(-2000, 2000) | st.none(),
    high=st.integers(-2000, 2000) | st.none(),
    values=st.lists(st.integers(-3000, 3000), min_size=1, max_size=6),
)
def test_integer_ranges_hold_exactly_their_numbers(
    verdict: Verdict, low: int | None, high: int | None, values: list[int]
):
    if low is not None and high is not None and low > high:
        low, high = high, low
    grammar = f"root ::= {integer_range(low, high)}\n"
    for value in (*values, *(bound for bound in (low, high) if bound is not None)):
        inside = (low is None or value >= low) and (high is None or value <= high)
        assert (verdict(grammar, str(value)) == "accept") == inside


@pytest.mark.parametrize(
    "pattern",
    ["abc", "^a(?=b)$", r"^\bx$", "^(a)\\1$", "^[^a]$", "^a{2,999}$", "^a**$", "^(a$", "^a\\$"],
)
def test_expressions_without_a_counterpart_are_left_out(pattern: str):
    assert pattern_body(pattern, lambda char: f'"{char}"') is None


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"^(?:foo|ba[rz])+$", ["foo", "barbaz"], ["", "ba"]),
        (r"^\w{2,3}\s?\.$", ["ab.", "a_1 ."], ["a.", "abcd."]),
        (r"^[\d\-x]*$", ["12-x", ""], ["a"]),
        (r"^a.c$", ["abc", "a-c"], ["ac"]),
        (r"^\D\W$", ["a-"], ["1-", "aa", 'a"', "a\n"]),
    ],
)
def test_regular_expressions_become_grammars(
    pattern: str, good: list[str], bad: list[str], verdict: Verdict
):
    grammar = json_schema_grammar({"type": "string", "pattern": pattern})
    assert [verdict(grammar, json.dumps(text)) for text in good] == ["accept"] * len(good)
    assert "accept" not in [verdict(grammar, json.dumps(text)) for text in bad]
