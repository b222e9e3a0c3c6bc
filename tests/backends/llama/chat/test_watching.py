"""Calls followed while they are written mark what the readers of whole calls mark."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.backends.llama.chat.catalogue import HERMES, Dialect, candidates
from cascade.backends.llama.chat.output import Prompt, read_output
from cascade.backends.llama.chat.reasoning import ReasoningMarkers
from cascade.backends.llama.chat.syntax import JsonCalls, PythonicCalls
from cascade.backends.llama.chat.watching import CallWatch, Part

THOUGHTS = ReasoningMarkers(start="<think>", end="</think>")
SCHEMAS: dict[str, dict[str, Any]] = {"look_up": {}, "f": {}}

names = st.text(st.characters(codec="utf-8", exclude_characters="<>"), min_size=1, max_size=12)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
tools = st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True)
calls = st.tuples(tools, st.dictionaries(names, values, max_size=4))


def hermes(name: str, arguments: object, *, indent: int | None = None, escapes: bool = True) -> str:
    call = {"name": name, "arguments": arguments}
    body = json.dumps(call, indent=indent, ensure_ascii=escapes)
    return f"<tool_call>\n{body}\n</tool_call>"


def watch(dialect: Dialect = HERMES, opening: str = "") -> CallWatch:
    made = CallWatch.of(dialect.syntax, THOUGHTS, opening)
    assert made is not None
    return made


def followed(watch: CallWatch, text: str) -> list[Part | None]:
    """What each character belongs to, fed one by one."""
    return [watch.feed(character) for character in text]


def read(text: str, dialect: Dialect = HERMES) -> list[Part | None]:
    """The same, by the readers of whole calls."""
    parts: list[Part | None] = [None] * len(text)
    for call in read_output(dialect, THOUGHTS, text, SCHEMAS, prompt=Prompt()).calls:
        for span in call.spans:
            for at in range(span.start, span.end):
                parts[at] = span.kind
    return parts


@given(st.lists(calls, min_size=1, max_size=3), st.sampled_from([None, 2]), st.booleans())
def test_each_character_belongs_to_what_the_reader_of_the_whole_call_says(
    made: list[tuple[str, dict[str, Any]]],
    indent: int | None,
    escapes: bool,  # noqa: FBT001 - hypothesis gives it by place
) -> None:
    text = "Let me see.\n" + "\n".join(
        hermes(name, arguments, indent=indent, escapes=escapes) for name, arguments in made
    )
    assert followed(watch(), text) == read(text)


@given(calls, st.data())
def test_where_the_output_is_cut_into_pieces_makes_no_difference(
    made: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    text = f"<think>Is {hermes('f', {'a': 1})} right?</think>" + hermes(*made) + "\nDone."
    whole = followed(watch(), text)
    cut, at = watch(), 0
    while at < len(text):
        size = data.draw(st.integers(1, 12))
        piece = whole[at : at + size]
        expected = next((part for part in reversed(piece) if part is not None), None)
        assert cut.feed(text[at : at + size]) == expected
        at += size
    assert cut.calls == 1


def test_calls_that_thoughts_speak_of_are_not_followed() -> None:
    text = "<think>Perhaps " + hermes("f", {"a": 1}) + "</think>"
    assert not any(followed(watch(), text))
    assert not any(followed(watch(opening="<think>\n"), text.removeprefix("<think>")))


def test_arguments_that_are_written_as_one_string_are_a_value() -> None:
    text = hermes("f", json.dumps({"a": "b"}))
    values_read = [part == "value" for part in read(text)]
    assert [part == "value" for part in followed(watch(), text)] == values_read
    assert any(values_read)


def test_an_array_of_calls_is_followed() -> None:
    [mistral] = [
        each
        for each in candidates("[TOOL_CALLS]")
        if isinstance(each.syntax, JsonCalls) and each.syntax.array
    ][:1]
    body = json.dumps([{"name": "f", "arguments": {"a": [1, 2]}}, {"name": "f", "arguments": {}}])
    text = f"[TOOL_CALLS]{body}"
    cursor = watch(mistral)
    assert followed(cursor, text) == read(text, mistral)
    assert cursor.calls == 2


@pytest.mark.parametrize(
    ("syntax", "text"),
    [
        (
            JsonCalls(call_start="<c>", call_end="</c>", wrapper="function"),
            '<c>{"type": "function", "function": {"name": "f", "arguments": {"a": "b"}}}</c>',
        ),
        (
            JsonCalls(call_start="<c>", call_end="</c>", id_field="id"),
            '<c>{"id": [1, {"a": "b"}], "name": "f", "more": 5, "arguments": {"a": -1.5}}</c>',
        ),
        (
            JsonCalls(call_start="<c>", call_end="</c>", name_is_key=True),
            '<c>{"look_up": {"a": "b", "c": null}}</c>',
        ),
        (
            JsonCalls(section_start="<c>", section_end="</c>", array=True),
            '<c>[{"name": "f", "arguments": {"a": ["]", "\\""]}}]</c> and [{"name": "f"}]',
        ),
        (JsonCalls(call_start="<c>", call_end="</c>"), '<c>{"name": "f", "arguments": null}</c>'),
    ],
)
def test_other_ways_to_write_json_calls_are_followed(syntax: JsonCalls, text: str) -> None:
    dialect = Dialect(name="made up", syntax=syntax)
    assert any(read(text, dialect))
    assert followed(watch(dialect), text) == read(text, dialect)


def test_a_piece_may_hold_the_end_of_one_call_and_all_of_the_next() -> None:
    cursor = watch()
    assert cursor.feed("Two calls: <tool_call>{") is None
    rest = '"name": "f", "arguments": {}}</tool_call>\n' + hermes("g", {"a": 1})
    assert cursor.feed(rest) == "value"
    assert cursor.calls == 2
    assert cursor.feed(" Done.") is None


def test_a_piece_without_text_belongs_to_what_it_stands_in() -> None:
    cursor = watch()
    assert cursor.feed("") is None
    cursor.feed('<tool_call>{"name": "f')
    assert cursor.feed("") == "name"
    cursor.feed('", "arguments": {"a": ["b')
    assert cursor.feed("") == "value"


@given(st.lists(st.sampled_from(["<tool_call>", *'{}[]",:\\ax1 ', "<think>", "</think>"])))
def test_no_output_whatever_breaks_it(pieces: list[str]) -> None:
    cursor = watch()
    for piece in ["<tool_call>", *pieces]:
        cursor.feed(piece)


@pytest.mark.parametrize("syntax", [PythonicCalls(), JsonCalls(bare=True), JsonCalls()])
def test_dialects_that_cannot_be_followed_say_so(syntax: PythonicCalls | JsonCalls) -> None:
    assert CallWatch.of(syntax, None, "") is None
