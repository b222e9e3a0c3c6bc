"""Calls out of answers: whose identity they have, and how their arguments are read."""

import re

import pytest
from remote_lanes import asked, shown

from cascade.backends.remote.calls import CallIds, call_as_text, read_call
from cascade.backends.remote.names import names_back, wire_name
from cascade.messages import ToolCall

LASTING = re.compile(r"call_[a-z]{8}")


def test_a_call_keeps_an_id_that_lasts_and_else_gets_one_of_ours():
    view, request = shown(), asked(3)
    ids = CallIds(view, request, LASTING)
    came = ("call_abcdefgh", "call_0", None, "call_abcdefgh", "call_stuvwxyz")
    ours = [request.call_id(view, index) for index in range(len(came))]
    assert [ids.of(own) for own in came] == [came[0], *ours[1:4], came[4]]


@pytest.mark.parametrize(("written", "arguments"), [(" ", {}), ('{"a": [1.5]}', {"a": [1.5]})])
def test_arguments_are_a_json_object_or_nothing_at_all(written: str, arguments: dict[str, object]):
    call = read_call("c", "look_up", written)
    assert isinstance(call, ToolCall)
    assert call.arguments == arguments


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("[1]", "they are not a JSON object"),
        ('{"a": 1, "a": 2}', "'a' is given twice"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": 1e999}', "1e999 is too large"),
        ('{"a": ', "could not be read"),
        ("[" * 100_000, "could not be read"),
        (f'{{"a": {"[" * 400}{"]" * 400}}}', "a value is not allowed"),
    ],
)
def test_what_cannot_be_read_or_be_read_in_two_ways_is_told_in_words(written: str, words: str):
    problem = read_call("c", "look_up", written)
    assert isinstance(problem, str)
    assert problem.startswith("The arguments of its call of 'look_up' could not be read: ")
    assert words in problem


def test_a_call_of_nothing_is_none():
    assert read_call("c", "", "{}") == "It calls a tool without naming one."


def test_a_call_that_is_not_made_is_shown_as_it_was_written():
    assert call_as_text("look_up", '{"a": ') == 'look_up({"a": )'
    assert call_as_text("look_up", {"a": "\ud800"}) == 'look_up({"a":"?"})'


def test_a_likeness_does_not_take_a_tools_own_name():
    likeness = wire_name("files.read")
    assert names_back(["files.read", "plain"]) == {likeness: "files.read"}
    assert names_back(["files.read", likeness]) == {}
