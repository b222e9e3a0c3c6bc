"""The schema gate refuses what no tool would take, and nothing else."""

from typing import Any

import pytest
from gate_drafts import LANE, ORDERS, a_call, a_prefix, an_answer
from pydantic import ValidationError

from cascade.gates.json_schema import misfits
from cascade.gates.schema import SchemaGate
from cascade.tools import Tool, tool
from cascade.verdicts import Verdict


def judged(name: str, arguments: dict[str, Any]) -> Verdict:
    return SchemaGate().judge(a_prefix(), a_call(name, arguments), LANE)


def test_a_call_that_fits_passes() -> None:
    verdict = judged("get_order", {"order_id": "4817"})
    assert (verdict.passed, verdict.p_fail) == (True, None)
    assert verdict.reason == "get_order: the arguments fit"


def test_an_answer_has_nothing_to_check() -> None:
    assert SchemaGate().judge(a_prefix(), an_answer("Done."), LANE).passed is True


def test_an_unknown_tool_is_answered_with_the_one_that_was_meant() -> None:
    verdict = judged("GetOrder", {})
    assert verdict.passed is False
    assert verdict.reason == (
        "There is no tool 'GetOrder': did you mean 'get_order'? Or else the tools are: get_order."
    )
    assert judged("xyz", {}).reason == "There is no tool 'xyz'; the tools are: get_order."


def test_each_thing_that_does_not_fit_is_named_with_its_place() -> None:
    verdict = judged("get_order", {"order": "4817"})
    assert verdict.passed is False
    assert verdict.reason == (
        "The call of get_order does not fit: order_id: is missing; "
        "order: is no argument here; there are: order_id."
    )


def test_every_call_of_a_draft_is_checked() -> None:
    draft = a_call("get_order", {"order_id": "1"})
    [good] = draft.message.calls
    bad = good.model_copy(update={"id": "c2", "name": "other"})
    message = draft.message.model_copy(update={"parts": (good, bad)})
    verdict = SchemaGate().judge(a_prefix(), draft.model_copy(update={"message": message}), LANE)
    assert verdict.passed is False


@tool
def everything(  # noqa: PLR0917 - one of each kind
    text: str,
    whole: int,
    real: float,
    flag: bool,  # noqa: FBT001 - idem
    many: list[int],
    some: dict[str, float],
    maybe: int | None = None,
) -> str:
    """Takes one of each.

    Args:
        text: Text.
        whole: A whole number.
        real: A number.
        flag: Yes or no.
        many: Whole numbers.
        some: Numbers by name.
        maybe: A whole number or nothing.
    """
    return f"{text}{whole}{real}{flag}{many}{some}{maybe}"


GOOD: dict[str, Any] = {
    "text": "a",
    "whole": 1,
    "real": 1.5,
    "flag": True,
    "many": [1, 2],
    "some": {"a": 1.0},
}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"whole": "5"},
        {"whole": 5.0},
        {"whole": 5.5},
        {"whole": "five"},
        {"whole": None},
        {"real": 2},
        {"real": "2.5"},
        {"real": "much"},
        {"flag": "yes"},
        {"flag": 1},
        {"flag": "perhaps"},
        {"flag": 3},
        {"text": 5},
        {"text": None},
        {"many": "1"},
        {"many": ["1", 2]},
        {"many": ["one"]},
        {"some": {"a": "1"}},
        {"some": {"a": "one"}},
        {"some": []},
        {"maybe": None},
        {"maybe": "3"},
        {"maybe": "three"},
        {"other": 1},
    ],
    ids=repr,
)
def test_what_a_tool_would_take_is_taken_and_what_it_would_refuse_is_refused(
    changed: dict[str, Any],
) -> None:
    arguments = GOOD | changed
    assert (not misfits(everything.spec.parameters, arguments)) == taken(everything, arguments)


def taken(by: Tool, arguments: dict[str, Any]) -> bool:
    try:
        by.bind(arguments)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"enum": ["open", "closed"]}, "open", "shut"),
        ({"enum": [1]}, 1, True),
        ({"const": "x"}, "x", "y"),
        ({"type": "integer", "minimum": 1, "maximum": 3}, 3, 4),
        ({"type": "number", "exclusiveMinimum": 0}, 0.1, 0),
        ({"type": "number", "exclusiveMaximum": 1}, 0.9, 1),
        ({"type": "string", "minLength": 2, "maxLength": 3}, "ab", "abcd"),
        ({"type": "array", "minItems": 1, "items": {"type": "string"}}, ["a"], []),
        ({"type": "string", "pattern": "^[0-9]+$"}, "12", "a"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, None, "x"),
        ({"allOf": [{"type": "integer"}, {"minimum": 2}]}, 2, 1),
        ({"type": ["string", "null"]}, None, 1),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, 1, "x"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"a": 1}, {"a": "x"}),
    ],
    ids=str,
)
def test_the_keywords_of_a_schema_hold(schema: dict[str, Any], good: Any, bad: Any) -> None:
    wrapped = {"properties": {"it": schema}, "$defs": schema.get("$defs", {})}
    assert not misfits(wrapped, {"it": good})
    assert len(misfits(wrapped, {"it": bad})) == 1


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#"},
        {"type": "string", "pattern": "(?<a>x)"},
        {"type": "tensor"},
        {"not": {}},
    ],
    ids=str,
)
def test_what_is_not_understood_refuses_nothing(schema: dict[str, Any]) -> None:
    assert not misfits({"properties": {"it": schema}}, {"it": "x"})


def test_a_schema_that_holds_itself_comes_to_an_end() -> None:
    loop = {"$ref": "#/$defs/loop"}
    assert not misfits({"$defs": {"loop": loop}, "properties": {"it": loop}}, {"it": 1})
    tree = {"properties": {"next": {"$ref": "#/$defs/tree"}, "n": {"type": "integer"}}}
    value: Any = {"n": "x"}
    for _ in range(100):
        value = {"next": value}
    assert not misfits({**tree, "$defs": {"tree": tree}}, value)


def test_more_members_than_are_listed_are_taken_where_nothing_forbids_them() -> None:
    assert not misfits({"properties": {"a": {"type": "integer"}}}, {"a": 1, "b": 2})
    named: dict[str, Any] = {"additionalProperties": False, "patternProperties": {"^x": {}}}
    assert not misfits(named, {"x1": 2})


def test_a_long_value_is_shown_in_part() -> None:
    [words] = misfits(ORDERS.parameters, {"order_id": list(range(100))})
    assert words.startswith("order_id: [0, 1, 2")
    assert words.endswith("... is no string")
