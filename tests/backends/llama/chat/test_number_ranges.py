"""Numbers between bounds, decided by llama.cpp's own matcher."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.backends.llama.chat import json_schema_grammar
from cascade.backends.llama.chat.ranges import Bound, decimal_range, integer_bounds

Verdict = Callable[[str, str], str]

numbers = st.decimals(-30, 30, places=3) | st.decimals(-2, 2, places=1) | st.integers(-3, 3)
ends = st.builds(
    Bound, value=numbers.map(lambda value: Decimal(str(value)) + 0), is_open=st.booleans()
)


@given(low=ends | st.none(), high=ends | st.none(), values=st.lists(numbers, max_size=5))
def test_decimal_ranges_hold_exactly_their_numbers(
    verdict: Verdict, low: Bound | None, high: Bound | None, values: list[Decimal | int]
):
    if low is not None and high is not None and low.value >= high.value:
        low = None
    grammar = f"root ::= {decimal_range(low, high)}\n"
    known = [bound.value for bound in (low, high) if bound is not None]
    near = [value + step for value in known for step in (Decimal("-0.0001"), Decimal("0.0001"))]
    # Adding zero makes minus zero a plain one.
    for value in (*(Decimal(str(value)) + 0 for value in values), *known, *near):
        inside = (low is None or (value > low.value if low.is_open else value >= low.value)) and (
            high is None or (value < high.value if high.is_open else value <= high.value)
        )
        for text in {format(value, "f"), format(value.normalize(), "f")}:
            assert (verdict(grammar, text) == "accept") == inside, text


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"minimum": 0, "maximum": 1}, ["0", "1", "0.0", "1.000", "0.25"], ["1.01", "-0.5", "2"]),
        ({"exclusiveMinimum": 0}, ["0.001", "12345.5"], ["0", "0.00", "-1"]),
        ({"minimum": 0, "exclusiveMinimum": True}, ["0.1"], ["0"]),
        ({"maximum": -1.5}, ["-1.5", "-2"], ["-1.49", "0", "-1.5e0"]),
        ({"minimum": 0.5, "maximum": 0.5}, ["0.5", "0.50"], ["0.51", "0", "0.5001"]),
        ({"minimum": 1e-7, "maximum": 1e3}, ["0.0000001", "1000"], ["0.00000001", "1000.1"]),
        ({"minimum": 3, "maximum": 2}, ["0"], ["2", "3", "2.5"]),
        ({"minimum": 1e20}, ["0"], ["1"]),
    ],
)
def test_bounds_of_a_schema(
    schema: dict[str, Any], good: list[str], bad: list[str], verdict: Verdict
):
    grammar = json_schema_grammar({"type": "number", **schema})
    assert [verdict(grammar, text) for text in good] == ["accept"] * len(good)
    assert "accept" not in [verdict(grammar, text) for text in bad]


def test_whole_numbers_between_bounds_that_are_none():
    schema = {"exclusiveMinimum": -0.5, "maximum": -0.2, "minimum": -7}
    assert integer_bounds(schema) == (0, -1)
    assert integer_bounds({"minimum": -1.5, "exclusiveMaximum": 2.5}) == (-1, 2)


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("date", ["2024-02-29", "2000-02-29", "2023-02-28"], ["2023-02-29", "1900-02-29"]),
        ("date", ["2026-04-30", "2026-12-31"], ["2026-04-31", "0000-01-01"]),
        ("date-time", ["2026-01-31T23:59:59+14:00"], ["2026-01-31T23:59:59+24:00"]),
        ("duration", ["P3D", "PT5H2M", "PT90S"], ["P", "PT", "PT5"]),
    ],
)
def test_dates_and_durations_that_exist(
    form: str, good: list[str], bad: list[str], verdict: Verdict
):
    grammar = json_schema_grammar({"type": "string", "format": form})
    assert [verdict(grammar, f'"{text}"') for text in good] == ["accept"] * len(good)
    assert "accept" not in [verdict(grammar, f'"{text}"') for text in bad]


def test_half_of_a_surrogate_pair_cannot_be_written(verdict: Verdict):
    grammar = json_schema_grammar({"type": "string", "maxLength": 1})
    assert verdict(grammar, r'"\ud83d\ude00"') == "accept"
    assert verdict(grammar, r'"\u00e9"') == "accept"
    for text in (r'"\ud83d"', r'"\ude00"', r'"\ud83dx"', r'"\ud83d\u0041"'):
        assert verdict(grammar, text) == "dead"


def test_a_definition_may_be_called_as_the_start_rule_is(verdict: Verdict):
    schema = {
        "type": "object",
        "properties": {"root": {"$ref": "#/$defs/Root"}},
        "required": ["root"],
        "$defs": {"Root": {"type": "object", "properties": {"a": {"type": "integer"}}}},
    }
    assert verdict(json_schema_grammar(schema), '{"root": {"a": 1}}') == "accept"
    assert verdict(json_schema_grammar(schema), '{"a": 1}') == "dead"
