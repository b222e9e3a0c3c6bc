"""What was redacted comes back as it was; what was redacted once stays redacted the same way."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue
from redaction_values import VALUES, all_groups

from cascade.messages import (
    AssistantMessage,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from cascade.redaction import StreamRehydrator, Vault, rehydrated
from cascade.redaction.rehydration import rehydrated_text

REDACTOR = all_groups()
SIGNS = [
    "<EMAIL_1>",
    "EMAIL_1",
    "[card_2]",
    "{{PHONE_1}}",
    "&lt;EMAIL_1&gt;",
    "<",
    "\\n",
    '"',
    "\n",
]

pieces = st.one_of(
    st.text(max_size=8),
    st.sampled_from([value for _, value in VALUES.values()]),
    st.sampled_from([*SIGNS, " ", "\\u0040", "%40", "order 4817", "password=hunter2", "\u200b"]),
)
texts = st.lists(pieces, max_size=8).map("".join)
documents: st.SearchStrategy[JsonValue] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.just(4111111111111111),
        texts,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(texts, st.just("password")), inner, max_size=4),
    ),
    max_leaves=8,
)
arguments = st.dictionaries(st.one_of(texts, st.just("token")), documents, max_size=4)


def _said(thought: str, text: str, given: dict[str, JsonValue]) -> AssistantMessage:
    call = ToolCall(id="c", name="look", arguments=given)
    return AssistantMessage(parts=(Reasoning(text=thought), Text(text=text), call))


messages = st.builds(_said, texts, texts, arguments)


@given(messages, texts)
@example(AssistantMessage(parts=(Text(text="<EMAIL_1> a@b.com"),)), "EMAIL_1 c@d.com")
def test_a_message_comes_back_as_it_was(message: AssistantMessage, before: str):
    _, vault = REDACTOR.text(before, Vault())
    redacted, after = REDACTOR.message(message, vault)
    assert isinstance(redacted, AssistantMessage)
    back = rehydrated(redacted, after)
    assert back.text == message.text
    assert [_exact(call.arguments) for call in back.calls] == [
        _exact(call.arguments) for call in message.calls
    ]
    thoughts = [part.text for part in back.parts if isinstance(part, Reasoning)]
    assert "".join(thoughts) == "".join(
        [part.text for part in message.parts if isinstance(part, Reasoning)]
    )


def _exact(value: Any) -> str:
    """Tells 1 from 1.0 and from "1"."""
    return json.dumps(value)


@given(
    st.lists(st.sampled_from([value for _, value in VALUES.values()]), min_size=1, max_size=4),
    arguments,
)
def test_no_value_stands_in_any_redacted_message(values: list[str], rest: dict[str, JsonValue]):
    said = " and ".join(values)
    given_arguments: dict[str, JsonValue] = {
        **rest,
        "value": said,
        "nested": [{said: json.dumps({"x": said})}],
    }
    conversation: list[Message] = [
        UserMessage.of(said),
        AssistantMessage(parts=(ToolCall(id="c", name="look", arguments=given_arguments),)),
        ToolMessage(parts=(ToolResult(call_id="c", name="look", parts=(Text(text=said),)),)),
    ]
    vault = Vault()
    for message in conversation:
        redacted, vault = REDACTOR.message(message, vault)
        written = redacted.model_dump_json()
        for value in values:
            assert value not in written


@given(st.lists(messages, max_size=4), messages)
def test_a_conversation_that_grows_keeps_its_redacted_beginning(
    conversation: list[AssistantMessage], more: AssistantMessage
):
    first = _redacted(conversation)
    second = _redacted([*conversation, more])
    assert second[: len(first)] == first


def _redacted(conversation: list[AssistantMessage]) -> list[str]:
    vault = Vault()
    shown: list[str] = []
    for message in conversation:
        redacted, vault = REDACTOR.message(message, vault)
        shown.append(redacted.model_dump_json())
    return shown


@given(texts, st.lists(st.integers(1, 12), min_size=1, max_size=6), texts)
@example("a EMAIL_1", [1], "x@y.com")
@example("EMAIL_12 &lt;EMAIL_1&gt; \\u003cEMAIL_1\\u003e", [1], "x@y.com")
def test_a_stream_says_what_the_whole_says(text: str, sizes: list[int], before: str):
    redacted, vault = REDACTOR.text(before + text, Vault())
    said = redacted + text
    stream = StreamRehydrator(vault)
    shown: list[str] = []
    start = turn = 0
    while start < len(said):
        size = sizes[turn % len(sizes)]
        shown.append(stream.feed(said[start : start + size]))
        start, turn = start + size, turn + 1
    shown.append(stream.end())
    assert "".join(shown) == rehydrated_text(said, vault) or said.lstrip()[:1] in {"{", "[", '"'}


def test_text_streams_without_delay_where_no_placeholder_can_begin():
    _, vault = REDACTOR.text("a@b.com", Vault())
    stream = StreamRehydrator(vault)
    assert stream.feed("Hello there. ") == "Hello there. "
    assert stream.feed("Mail <EM") == "Mail "
    assert stream.feed("AIL_1") == ""
    assert stream.feed("> now, ") == "a@b.com now, "
    assert stream.end() == ""
